"""Guess forms of rater and participant, and the blinding indices that come of them."""

import json

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from ratings.models import TreatmentGuess
from sessions.allocation.models import Allocation
from sessions.allocation.services import open_slot
from sessions.models import Treatment
from studyportal.audit.models import Event
from studyportal.reports import blinding
from studyportal.studies.models import Study
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def answer(world: World, code: str = "A", **changed: str) -> dict[str, str]:
    return {
        "treatment": str(Treatment.objects.get(study=world.study, code=code).pk), "certainty": "fairly",
        "reason": "side_effects",
    } | changed  # fmt: skip


@pytest.fixture
def rated(world: World):
    """Return the rater's signed assignment of a held session; nothing else of the session is open."""
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    assignment = journey.assigned(world, session)
    journey.rated(world, assignment)
    return assignment


def test_a_rater_guesses_once_and_sees_it_no_more(world: World, client_for, rated) -> None:
    client = client_for(world.rater)
    assert "Give your guess" in client.get("/ratings/guesses/").content.decode()
    page = client.get(f"/ratings/guesses/{rated.code}/").content.decode()
    assert "Which treatment do you think was given in period 1?" in page
    # Always in the order of the codes, whoever has what.
    assert page.index("Placebo capsule") < page.index("Naltrexone 50 mg") < page.index("Don&#x27;t know")
    assert client.post(f"/ratings/guesses/{rated.code}/", answer(world, "B")).status_code == 302
    made = TreatmentGuess.objects.get()
    assert (made.guesser, made.treatment.code, made.certainty, made.reason, made.entered_by) == (
        "rater", "B", "fairly", "side_effects", world.rater,
    )  # fmt: skip
    again = client.get(f"/ratings/guesses/{rated.code}/").content.decode()
    assert "written down already" in again
    assert "checked" not in again
    assert client.post(f"/ratings/guesses/{rated.code}/", answer(world)).status_code == 422
    assert TreatmentGuess.objects.count() == 1


def test_dont_know_needs_neither_certainty_nor_reason(world: World, client_for, rated) -> None:
    sent = {"treatment": "dont_know", "certainty": "sure", "reason": ""}
    assert client_for(world.rater).post(f"/ratings/guesses/{rated.code}/", sent).status_code == 302
    made = TreatmentGuess.objects.get()
    assert (made.treatment, made.certainty, made.reason) == (None, "", "")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"treatment": ""}, "Choose one of the answers."),
        ({"treatment": "0" * 8}, "Choose one of the answers."),
        ({"certainty": ""}, "Say how sure."),
        ({"reason": ""}, "Say what it rests on most."),
    ],
)
def test_what_is_missing_is_said_and_nothing_written(world: World, client_for, rated, changed, words) -> None:
    refused = client_for(world.rater).post(f"/ratings/guesses/{rated.code}/", answer(world, **changed))
    assert refused.status_code == 422
    assert words in refused.content.decode()
    assert not TreatmentGuess.objects.exists()


def test_nobody_is_asked_before_the_interviews_are_signed(world: World, client_for, rated) -> None:
    later = journey.assigned(world, rated.session, "day_1")
    rater, coordinator = client_for(world.rater), client_for(world.coordinator)
    assert "Give your guess" not in rater.get("/ratings/guesses/").content.decode()
    assert rater.post(f"/ratings/guesses/{rated.code}/", answer(world)).status_code == 404
    assert coordinator.post("/ratings/guesses/participants/XO-001/1/", answer(world)).status_code == 404
    assert not TreatmentGuess.objects.exists()
    journey.rated(world, later)
    assert rater.post(f"/ratings/guesses/{rated.code}/", answer(world)).status_code == 302
    assert coordinator.post("/ratings/guesses/participants/XO-001/1/", answer(world)).status_code == 302


def test_the_coordinator_asks_the_participant_once(world: World, client_for, rated) -> None:
    client = client_for(world.coordinator)
    assert "Ask the participant" in client.get("/ratings/guesses/participants/").content.decode()
    page = "/ratings/guesses/participants/XO-001/1/"
    assert client.post(page, answer(world)).status_code == 302
    assert client.post(page, answer(world)).status_code == 422
    assert "Written down" in client.get("/ratings/guesses/participants/").content.decode()
    assert TreatmentGuess.objects.get().guesser == "participant"


def test_others_have_no_guess_to_give(world: World, client_for, rated) -> None:
    page = "/ratings/guesses/participants/XO-001/1/"
    assert client_for(world.second_rater).post(f"/ratings/guesses/{rated.code}/", answer(world)).status_code == 404
    assert client_for(world.rater).post(page, answer(world)).status_code == 404
    assert client_for(world.south_coordinator).post(page, answer(world)).status_code == 404
    for person in ("investigator", "monitor", "statistician"):
        assert client_for(world.people[person]).post(page, answer(world)).status_code == 403
    assert not TreatmentGuess.objects.exists()


def test_a_guess_is_never_changed_and_says_all_or_nothing(world: World, client_for, rated) -> None:
    client_for(world.rater).post(f"/ratings/guesses/{rated.code}/", answer(world))
    for statement in ("UPDATE public.ratings_treatmentguess SET certainty = 'sure'",):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)
    with pytest.raises(IntegrityError, match="guess_says_how_sure_and_why"), transaction.atomic():
        TreatmentGuess.objects.create(session=rated.session, guesser="participant", certainty="sure",
                                      entered_by=world.coordinator)  # fmt: skip


def test_under_lock_no_guess_is_written(world: World, client_for, rated) -> None:
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.LOCKED)
    refused = client_for(world.rater).post(f"/ratings/guesses/{rated.code}/", answer(world))
    assert "The study is locked" in refused.content.decode()
    assert not TreatmentGuess.objects.exists()


# The indices


@pytest.fixture
def guessed(world: World):
    """Six participants after period 1: all guess right but one who does not know; the rater is wrong once."""
    journey.activate_list(world)
    people = [journey.randomized(world) for _ in range(6)]
    for place, person in enumerate(people):
        session = journey.held(world, person)
        with standing_at("vault"):
            slot = Allocation.objects.select_related("slot__stratum").get(participant=person).slot
            right = open_slot(slot).sequence[0]
        wrong = "B" if right == "A" else "A"
        for guesser, code, by in (
            ("participant", None if place == 0 else right, world.coordinator),
            ("rater", wrong if place == 1 else right, world.rater),
        ):
            TreatmentGuess.objects.create(
                session=session, guesser=guesser, entered_by=by, certainty="sure" if code else "",
                treatment=Treatment.objects.get(study=world.study, code=code) if code else None,
                reason="effect" if code else "",
            )  # fmt: skip


def test_the_indices_stand_in_words_figure_and_file(world: World, client_for, guessed, monkeypatch) -> None:
    client = client_for(world.unblinded_statistician, "vault")
    assert "too few to judge" in client.get("/blinding/").content.decode()
    monkeypatch.setattr(blinding, "FEWEST", 1)
    page = client.get("/blinding/").content.decode()
    assert "Participants, period 1: 5 right, 0 wrong, 1 did not know." in page
    assert "Raters, period 1: 5 right, 1 wrong, 0 did not know." in page
    assert "the blind may be broken" in page
    lines = client.get("/blinding/table.csv").content.decode().splitlines()
    assert lines[0].startswith("Who guessed,Period,Index,Given,n,Right,Wrong,Don't know,Value")
    cells = [line.split(",") for line in lines[1:]]
    james = next(line for line in cells if line[:3] == ["Participants", "1", "James"])
    assert james[4:8] == ["6", "5", "0", "1"]
    bang = [line for line in cells if line[0] == "Participants" and line[2] == "Bang"]
    assert sum(int(line[4]) for line in bang) == 6
    assert {float(line[8]) for line in bang} & {1.0}
    made = json.loads(client.get("/blinding/figure.json").content)
    assert {trace["name"] for trace in made["data"]} == {"Placebo capsule", "Naltrexone 50 mg"}
    with standing_at("vault"):
        looks = Event.objects.filter(name="unblinded report viewed", target="blinding indices")
        assert looks.count() == 4
        first = looks.order_by("at").first()
        assert first.at < Event.objects.filter(name="sequences revealed").order_by("at").first().at


def test_without_guesses_the_page_says_so(world: World, client_for) -> None:
    client = client_for(world.unblinded_statistician, "vault")
    assert "Nobody has been asked for a guess yet." in client.get("/blinding/").content.decode()
    assert json.loads(client.get("/blinding/figure.json").content)["data"] == []


@pytest.mark.parametrize("person", ["pharmacist", "emergency_unblinder"])
def test_only_who_may_see_outcomes_by_treatment_sees_the_indices(world: World, client_for, person: str) -> None:
    assert client_for(world.people[person], "vault").get("/blinding/").status_code == 403
    assert client_for(world.statistician, "vault").get("/blinding/table.csv").status_code == 404
