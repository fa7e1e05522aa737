"""The unblinded door's home, allocations, reveals, log and report: who sees them, and the trail before all."""

import json

import pytest

from sessions.allocation.models import Allocation
from sessions.allocation.selectors import lists_for
from studyportal.accounts.models import StudyMembership
from studyportal.accounts.roles import Role
from studyportal.audit.models import Event
from tests.conftest import standing_at
from tests.factories import journey, outcomes
from tests.factories import spectrum_rows as spectra
from tests.factories.people import PASSWORD, make_member
from tests.factories.second_factor import code_of
from tests.factories.studies import make_study
from tests.factories.world import World

pytestmark = pytest.mark.django_db

BLINDED = ["coordinator", "statistician", "rater", "administrator", "monitor", "imaging_analyst"]
COURSE = ((-8.0, 1.2), (0.0, 1.3), (8.0, 1.4))
FLAT = ((-8.0, 1.2), (0.0, 1.2), (8.0, 1.2))


def events(name: str) -> list[Event]:
    with standing_at("vault"):
        return list(Event.objects.filter(name=name).order_by("at"))


def sequence_of(world: World, number: str) -> str:
    from sessions.allocation.services import open_slot

    with standing_at("vault"):
        allocation = Allocation.objects.select_related("slot__stratum").get(participant__number=number)
        return open_slot(allocation.slot).sequence


@pytest.fixture
def pharmacist(world: World, client_for):
    return client_for(world.pharmacist, "vault")


@pytest.fixture
def statistician(world: World, client_for):
    return client_for(world.unblinded_statistician, "vault")


@pytest.fixture
def randomized(world: World):
    journey.activate_list(world)
    return journey.randomized(world), journey.randomized(world, sex="M", site=world.other_site)


@pytest.fixture
def typed(world: World):
    """`typed("XO-001", reason="...")`: what a pharmacist with a fresh code sends."""

    def make(number: str, *, by: object = None, **changed: str) -> dict[str, str]:
        said = {"participant": number, "reason_code": "emergency", "reason": "Seizure, ward asks", "password": PASSWORD}
        return said | {"code": code_of(by or world.pharmacist)} | changed

    return make


def test_home_without_anything(pharmacist) -> None:
    text = pharmacist.get("/").content.decode()
    assert "No list is active: nobody can be randomized." in text
    assert "No list waits for anything." in text


def test_home_shows_what_waits_and_what_was_opened(typed, randomized, world: World, pharmacist, statistician) -> None:
    pharmacist.post("/allocations/reveal/", typed("XO-001"))
    statistician.post("/lists/new/", {"method": "big_stick", "tolerance": "3", "slots_per_stratum": "20"})
    with standing_at("vault"):
        (waiting,) = lists_for(world.unblinded_statistician, world.study).filter(state="draft")
    for step in ("generate", "accept"):
        statistician.post(f"/lists/{waiting.pk}/{step}/", {"password": PASSWORD})
    text = pharmacist.get("/").content.decode()
    assert "approved by Pharmacist" in text
    assert "Check and approve" in text
    assert "One participant revealed: XO-001" in text
    assert "slots left" not in text
    own = statistician.get("/").content.decode()
    assert "Unblinded report" in own
    assert "Check and approve" not in own


def test_home_warns_those_who_make_lists_of_short_strata(world: World, statistician, pharmacist) -> None:
    journey.activate_list(world, slots_per_stratum=5)
    assert "5 of 5 slots left" in statistician.get("/").content.decode()
    assert "slots left" not in pharmacist.get("/").content.decode()


@pytest.mark.parametrize("person", BLINDED)
@pytest.mark.parametrize("path", ["/", "/allocations/", "/report/", "/report/figures/madrs.json", "/log/"])
def test_blinded_people_find_nothing_at_this_door(randomized, world: World, client_for, person: str, path: str) -> None:
    before = len(events("unblinded report viewed"))
    answer = client_for(world.people[person], "vault").get(path)
    assert answer.status_code in {302, 403, 404}
    assert len(events("unblinded report viewed")) == before


@pytest.mark.parametrize("path", ["/allocations/", "/report/", "/report/figures/madrs.json", "/log/"])
def test_the_blinded_door_has_none_of_these_pages(world: World, client_for, path: str) -> None:
    assert client_for(world.unblinded_statistician).get(path).status_code == 404


def test_allocations_show_no_sequence(randomized, pharmacist) -> None:
    text = pharmacist.get("/allocations/").content.decode()
    for participant in randomized:
        assert participant.number in text
        assert participant.randomization_number in text
    assert "Naltrexone" not in text
    assert ">AB<" not in text
    assert ">BA<" not in text


def test_nobody_randomized_yet(pharmacist) -> None:
    assert "Nobody has been randomized at your sites yet." in pharmacist.get("/allocations/").content.decode()


def test_a_reveal_is_logged_first_and_shows_both_periods(typed, randomized, world: World, pharmacist) -> None:
    participant, _ = randomized
    answer = pharmacist.post("/allocations/reveal/", typed("XO-001"))
    assert (answer.status_code, answer["Location"]) == (302, "/allocations/revealed/")
    assert answer["Cache-Control"] == "no-store"
    answer = pharmacist.get(answer["Location"])
    assert answer.status_code == 200
    code = sequence_of(world, "XO-001")
    text = answer.content.decode()
    assert f"XO-001: sequence {code}" in text
    first, second = ("Placebo capsule", "Naltrexone 50 mg")[:: 1 if code == "AB" else -1]
    assert text.index(first) < text.index(second)
    event = events("participant unblinded")[-1]
    assert (event.actor, event.target) == ("user:pharmacist", str(participant.pk))
    assert event.data == {"reason_code": "emergency", "reason": "Seizure, ward asks"}
    assert answer["Cache-Control"] == "no-store"
    assert 'govuk-tag--yellow">' in pharmacist.get("/allocations/").content.decode()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"participant": "XO-999"}, "This participant is not on your list."),
        ({"participant": ""}, "Enter the participant&#x27;s number."),
        ({"reason_code": ""}, "Choose why."),
        ({"reason": "  "}, "Say what happened and who asked."),
        ({"password": "wrong"}, "Enter your own password again."),
        ({"password": ""}, "Enter your own password."),
        ({"code": "000000"}, "Enter the code that your authenticator app shows now."),
        ({"code": ""}, "Enter the code of your authenticator app."),
        ({"reason": "Hm"}, "Say what happened and who asked."),
    ],
)
def test_a_refused_reveal_opens_nothing_and_keeps_what_was_typed(typed, randomized, pharmacist, changed, words) -> None:
    before = len(events("participant unblinded"))
    answer = pharmacist.post("/allocations/reveal/", typed("XO-001", **changed))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert words in text
    assert "sequence" not in text.split("<main")[1].lower()
    if "reason" not in changed:
        assert "Seizure, ward asks" in text
    assert len(events("participant unblinded")) == before


def test_a_reload_shows_the_reveal_again_and_logs_none(
    typed, randomized, pharmacist, statistician, world, client_for
) -> None:
    before = len(events("participant unblinded"))
    pharmacist.post("/allocations/reveal/", typed("XO-001"))
    pages = [pharmacist.get("/allocations/revealed/") for _ in range(3)]
    assert [("XO-001: sequence" in one.content.decode(), one["Cache-Control"]) for one in pages] == [
        (True, "no-store")
    ] * 3
    assert len(events("participant unblinded")) == before + 1
    # Neither another person, nor the same one in another sign-in, nor somebody who takes over the session's note.
    other = client_for(world.pharmacist, "vault")
    for client in (statistician, other):
        answer = client.get("/allocations/revealed/")
        assert (answer.status_code, answer["Location"]) == (302, "/emergency/")
    with standing_at("vault"):
        note = pharmacist.session["revealed"]
        theirs = statistician.session
        theirs["revealed"] = note
        theirs.save()
    answer = statistician.get("/allocations/revealed/", follow=True)
    assert answer.redirect_chain == [("/emergency/", 302)]
    assert "This reveal is no longer shown." in answer.content.decode()
    assert "sequence AB" not in answer.content.decode()
    assert "sequence BA" not in answer.content.decode()


def test_a_reveal_is_shown_for_five_minutes(typed, randomized, pharmacist, monkeypatch) -> None:
    import datetime

    from sessions.allocation import emergency

    pharmacist.post("/allocations/reveal/", typed("XO-001"))
    monkeypatch.setattr(emergency, "SHOWN_FOR", datetime.timedelta(0))
    assert pharmacist.get("/allocations/revealed/")["Location"] == "/emergency/"
    monkeypatch.undo()
    assert pharmacist.get("/allocations/revealed/")["Location"] == "/emergency/"


def test_the_reveal_address_alone_leads_to_the_form(pharmacist) -> None:
    answer = pharmacist.get("/allocations/reveal/")
    assert (answer.status_code, answer["Location"]) == (302, "/emergency/")


def test_a_pharmacist_of_one_site_reveals_nobody_elsewhere(typed, randomized, world: World, client_for) -> None:
    local = make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site)
    client = client_for(local, "vault")
    text = client.get("/allocations/").content.decode()
    assert "XO-002" in text
    assert "XO-001" not in text
    before = len(events("participant unblinded"))
    assert client.post("/allocations/reveal/", typed("XO-001", by=local)).status_code == 422
    assert len(events("participant unblinded")) == before


def test_the_service_itself_refuses(randomized, world: World) -> None:
    from sessions.allocation.services import reveal_sequences, unblind_participant
    from studyportal.errors import InvalidInput, NotFound, NotPermitted

    participant, other = randomized
    local = make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site)
    outsider = make_member("stranger", Role.PHARMACIST, world.other_study)
    arguments = {"study": world.study, "participant_id": participant.pk, "reason_code": "other"}
    with standing_at("vault"):
        with pytest.raises(NotFound, match="not been randomized"):
            unblind_participant(**arguments, by=local, reason="Because")
        with pytest.raises(InvalidInput, match="reason"):
            unblind_participant(**arguments, by=world.pharmacist, reason=" ")
        with pytest.raises(NotPermitted):
            unblind_participant(**arguments, by=outsider, reason="Because")
        with pytest.raises(NotPermitted):
            reveal_sequences(study=world.study, by=outsider, reason="Because")
        assert set(reveal_sequences(study=world.study, by=local, reason="Because")) == {other.pk}
    assert [event for event in events("participant unblinded") if event.target == str(participant.pk)] == []


def test_the_log_names_person_participant_and_reason_and_folds_repeats(
    typed, randomized, pharmacist, statistician
) -> None:
    pharmacist.post("/allocations/reveal/", typed("XO-002", reason="Asked by the ward at night"))
    for _ in range(3):
        statistician.get("/report/figures/madrs.json")
    text = pharmacist.get("/log/").content.decode()
    assert "Asked by the ward at night" in text
    assert "XO-002" in text
    assert "Unblinded Statistician" in text


def test_an_empty_log_says_so(client_for) -> None:
    # A study of its own: what other tests announce in theirs is committed and stays.
    stranger = make_member("stranger", Role.PHARMACIST, make_study("UNOPENED"))
    text = client_for(stranger, "vault").get("/log/").content.decode()
    assert "Nothing has been opened yet." in text


@pytest.fixture
def outcome_world(world: World) -> World:
    """Six participants, three of each sex: 10 points better under placebo than under naltrexone in the women."""
    journey.activate_list(world)
    for sex in "FFFMMM":
        participant = outcomes.measured(world, sex=sex, totals=[(30, 30), (30, 30)])
        code = sequence_of(world, participant.number)
        placebo = 1 if code == "AB" else 2
        for session in participant.sessions.all():
            better = session.period.number == placebo
            outcomes.rescore(session, "day_1", 10 if better and sex == "F" else 20)
            spectra.quantified(world, session, blocks=COURSE if better else FLAT)
    return world


def test_the_report_says_in_words_what_it_shows(outcome_world: World, statistician) -> None:
    before = len(events("unblinded report viewed"))
    answer = statistician.get("/report/")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "In 6 participants the MADRS changed by −15.0 points under Placebo capsule and by −10.0 under" in text
    assert "under Naltrexone 50 mg: adjusted for the period, a difference of 5.0 (95 % CI" in text
    assert "Hollow circles: sequence AB, hollow squares: sequence BA. Diamonds: means." in text
    assert "Glx/tNAA changed during the infusion by 0.150 under Placebo capsule and by 0.000 under Naltrexone" in text
    assert "Response under Placebo capsule: 3 of 6 (50 %, 95 % CI 19 to 81)." in text
    assert "Remission under Naltrexone 50 mg: 0 of 6 (0 %, 95 % CI 0 to 39)." in text
    assert 'class="watermark"' in text
    assert "Treatment visible" in text
    assert text.count("<figure") == 3
    assert text.count("aria-describedby") >= 3
    seen = events("unblinded report viewed")
    assert len(seen) == before + 1
    assert (seen[-1].target, seen[-1].actor) == ("whole report", "user:unblinded-statistician")
    assert seen[-1].at < events("sequences revealed")[-1].at


def test_figures_are_plotly_json_of_the_basic_bundle(outcome_world: World, statistician) -> None:
    for name in ("madrs", "course", "response"):
        answer = statistician.get(f"/report/figures/{name}.json")
        assert answer.status_code == 200
        made = json.loads(answer.content)
        assert {trace["type"] for trace in made["data"]} <= {"scatter", "bar"}
        assert {trace["meta"]["role"] for trace in made["data"]} <= {"a", "b", "ink", "quiet"}
        assert "template" not in made["layout"]
        assert "<b>" not in answer.content.decode()
    course = json.loads(statistician.get("/report/figures/course.json").content)
    (shade,) = course["layout"]["shapes"]
    assert (shade["x0"], shade["x1"]) == (0, 40)
    placebo = next(trace for trace in course["data"] if trace["name"] == "Placebo capsule")
    assert placebo["y"] == pytest.approx([1.2, 1.3, 1.4])
    madrs = json.loads(statistician.get("/report/figures/madrs.json").content)
    (difference,) = [trace for trace in madrs["data"] if trace.get("xaxis") == "x3"]
    assert dict(zip(difference["y"], difference["x"], strict=True))["All"] == pytest.approx(5.0)


def test_tables_hold_the_numbers(outcome_world: World, statistician) -> None:
    answer = statistician.get("/report/figures/madrs.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="XO-unblinded-madrs.csv"'
    lines = answer.content.decode().splitlines()
    assert lines[0] == "participant,sex,sequence,change Placebo capsule,change Naltrexone 50 mg"
    assert len(lines) == 7
    assert lines[1].startswith("XO-001,F,")
    assert lines[1].endswith(",-20,-10")
    assert lines[6].endswith(",-10,-10")


def test_an_unknown_figure_is_not_found_and_opens_nothing(randomized, statistician) -> None:
    before = len(events("sequences revealed"))
    assert statistician.get("/report/figures/secrets.json").status_code == 404
    assert statistician.get("/report/figures/secrets.csv").status_code == 404
    assert len(events("sequences revealed")) == before


def test_a_report_without_outcomes_says_what_is_missing(randomized, statistician) -> None:
    text = statistician.get("/report/").content.decode()
    assert "No participant has both sessions rated yet." in text
    assert "The analysis protocol is not signed: no spectrum counts for the primary outcome yet." in text
    assert "No session has both ratings yet." in text
    assert "data-figure-url" not in text
    assert json.loads(statistician.get("/report/figures/madrs.json").content) == {"data": [], "layout": {}}


def test_a_report_of_two_participants_gives_no_interval(world: World, statistician) -> None:
    journey.activate_list(world)
    for _ in range(2):
        outcomes.measured(world, sex="F", totals=[(30, 10), (30, 20)], courses=[COURSE, FLAT])
    text = statistician.get("/report/").content.decode()
    assert text.count("too few for an interval.") == 2
    assert statistician.get("/report/figures/madrs.json").status_code == 200
    assert statistician.get("/report/figures/course.json").status_code == 200


def test_a_study_of_three_treatments_is_told_so(world: World, statistician) -> None:
    from sessions.models import Treatment

    Treatment.objects.create(study=world.study, code="C", name="Third")
    before = len(events("unblinded report viewed"))
    answer = statistician.get("/report/")
    assert answer.status_code == 409
    assert "This report compares two treatments" in answer.content.decode()
    assert len(events("unblinded report viewed")) == before


def test_the_pharmacist_sees_no_report(outcome_world: World, pharmacist) -> None:
    before = len(events("unblinded report viewed"))
    for path in ("/report/", "/report/figures/madrs.json", "/report/figures/madrs.csv"):
        assert pharmacist.get(path).status_code == 403
    assert len(events("unblinded report viewed")) == before
    assert "/report/" not in pharmacist.get("/").content.decode()


def test_a_membership_that_ended_opens_nothing(randomized, world: World, client_for) -> None:
    from studyportal import clock

    with standing_at("vault"):
        StudyMembership.objects.filter(user=world.pharmacist).update(ended_at=clock.now())
    assert client_for(world.pharmacist, "vault").get("/allocations/").status_code in {302, 403}
