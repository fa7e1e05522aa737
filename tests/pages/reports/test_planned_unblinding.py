"""The planned unblinding by two people after the lock, and who can be deduced after a reveal."""

import datetime

import pytest
from django.db import IntegrityError, transaction

from sessions.allocation.contagion import PACKAGE_SOURCES
from sessions.allocation.generation import create_list
from sessions.allocation.models import PlannedUnblinding
from sessions.randomization import Dispensed
from studyportal import clock
from studyportal.audit.models import Event
from studyportal.reports import datasets
from studyportal.studies.models import Study
from tests.conftest import standing_at
from tests.factories import journey, lists
from tests.factories.people import PASSWORD
from tests.factories.second_factor import code_of
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def signed(person: object, **changed: str) -> dict[str, str]:
    return {"password": PASSWORD, "code": code_of(person)} | changed


def told(name: str) -> list[Event]:
    with standing_at("vault"):
        return list(Event.objects.filter(name=name).order_by("at"))


def lock(world: World) -> None:
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.LOCKED)
    world.study.refresh_from_db()


@pytest.fixture
def first(world: World, client_for):
    return client_for(world.unblinded_statistician, "vault")


@pytest.fixture
def second(world: World, client_for):
    return client_for(world.pharmacist, "vault")


@pytest.fixture
def randomized(world: World):
    journey.activate_list(world)
    return [journey.randomized(world), journey.randomized(world, sex="M")]


def begun(world: World, first) -> PlannedUnblinding:
    assert first.post("/planned/begin/", signed(world.unblinded_statistician)).status_code == 302
    with standing_at("vault"):
        return PlannedUnblinding.objects.get()


def test_two_people_open_a_locked_study(world: World, randomized, first, second) -> None:
    lock(world)
    waiting = begun(world, first)
    assert "A second person signs in here" in first.get("/planned/").content.decode()
    assert first.get("/planned/allocations/").status_code == 409
    assert "Confirm and open" in second.get("/planned/").content.decode()
    assert second.post(f"/planned/{waiting.pk}/confirm/", signed(world.pharmacist)).status_code == 302
    assert "Open the allocations" in second.get("/planned/").content.decode()
    page = first.get("/planned/allocations/").content.decode()
    assert all(word in page for word in ("XO-001", "XO-002", "Naltrexone 50 mg", "Placebo capsule"))
    answer = first.get("/planned/allocations.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="XO-allocations.csv"'
    lines = answer.content.decode().splitlines()
    assert lines[0] == "participant,site,randomization_number,sequence,period_1,period_2"
    assert [line.split(",")[0] for line in lines[1:]] == ["XO-001", "XO-002"]
    (start,), (done,), looks = told("planned unblinding begun"), told("planned unblinding"), told("sequences revealed")
    assert (start.actor, done.actor) == ("user:unblinded-statistician", "user:pharmacist")
    assert start.at < done.at < looks[0].at
    assert len(looks) == 2
    assert first.post("/planned/begin/", signed(world.unblinded_statistician)).status_code == 422
    assert "Planned unblinding: all allocations opened" in second.get("/log/").content.decode()


def test_before_the_lock_nothing_begins(world: World, randomized, first) -> None:
    assert "The study is not locked" in first.get("/planned/").content.decode()
    answer = first.post("/planned/begin/", signed(world.unblinded_statistician))
    assert answer.status_code == 422
    assert "The study is not locked" in answer.content.decode()
    assert first.get("/planned/allocations/").status_code == 409
    assert told("planned unblinding begun") + told("sequences revealed") == []


def test_one_person_is_never_both_in_the_database_neither(world: World, randomized, first) -> None:
    lock(world)
    waiting = begun(world, first)
    answer = first.post(f"/planned/{waiting.pk}/confirm/", signed(world.unblinded_statistician))
    assert answer.status_code == 422
    assert "A second person must confirm; you began." in answer.content.decode()
    with standing_at("vault"):
        for changed, name in (
            ({"confirmed_by": world.unblinded_statistician}, "second_person"),
            ({"confirmed_by": world.pharmacist, "confirmed_at": waiting.started_at + datetime.timedelta(hours=2)},
             "within_the_hour"),
        ):  # fmt: skip
            changed.setdefault("confirmed_at", waiting.started_at)
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                PlannedUnblinding.objects.update(**changed)
    assert told("planned unblinding") == []


@pytest.mark.parametrize("changed", [{"password": "wrong"}, {"code": "000000"}, {"code": ""}])
def test_password_and_code_are_asked_of_both(world: World, randomized, first, second, changed) -> None:
    lock(world)
    assert first.post("/planned/begin/", signed(world.unblinded_statistician, **changed)).status_code == 422
    waiting = begun(world, first)
    assert second.post(f"/planned/{waiting.pk}/confirm/", signed(world.pharmacist, **changed)).status_code == 422
    assert told("planned unblinding") == []


def test_after_an_hour_it_is_begun_again(world: World, randomized, first, second, monkeypatch) -> None:
    lock(world)
    waiting = begun(world, first)
    assert first.post("/planned/begin/", signed(world.unblinded_statistician)).status_code == 422
    later = clock.now() + datetime.timedelta(minutes=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert second.post(f"/planned/{waiting.pk}/confirm/", signed(world.pharmacist)).status_code == 404
    assert second.post("/planned/begin/", signed(world.pharmacist)).status_code == 302


def test_an_unlocked_study_is_closed_again(world: World, randomized, first, second) -> None:
    lock(world)
    waiting = begun(world, first)
    second.post(f"/planned/{waiting.pk}/confirm/", signed(world.pharmacist))
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.CLOSED)
    answer = first.get("/planned/allocations.csv")
    assert answer.status_code == 409
    assert "The study is not locked" in answer.content.decode()


def test_others_have_no_part_in_it(world: World, client_for) -> None:
    assert client_for(world.emergency_unblinder, "vault").get("/planned/").status_code == 403
    assert client_for(world.emergency_unblinder, "vault").get("/deducible/").status_code == 403
    assert client_for(world.pharmacist, "vault").get("/deducible/").status_code == 403
    assert client_for(world.statistician, "vault").get("/planned/").status_code == 404


# Contagion


@pytest.fixture
def pair(world: World):
    """Two participants of a list in blocks of two: whoever knows one knows the other."""
    with standing_at("vault"):
        made = create_list(
            study=world.study, method="permuted_blocks", parameters={"block_sizes": [2]},
            slots_per_stratum=4, by=world.unblinded_statistician,
        )  # fmt: skip
        lists.brought_on(made, maker=world.unblinded_statistician, second=world.pharmacist)
    return journey.randomized(world), journey.randomized(world)


def reveal(client, person, number: str = "XO-001", code: str = "emergency") -> None:
    said = {"participant": number, "reason_code": code, "reason": "Seizure, ward 7 asks"} | signed(person)
    assert client.post("/allocations/reveal/", said).status_code == 302


def test_who_follows_from_a_reveal_is_listed_and_later_ratings_are_marked(
    world: World, pair, first, monkeypatch
) -> None:
    empty = first.get("/deducible/").content.decode()
    assert "nobody can be deduced" in empty
    rated = journey.rated(world, journey.assigned(world, journey.held(world, pair[1])))
    before = rated.started_at
    reveal(first, world.unblinded_statistician)
    page = first.get("/deducible/").content.decode()
    assert "XO-001: the treatment of periods 1 and 2 was revealed." in page
    assert "XO-002: the treatment of periods 1 and 2 follows from the other allocations" in page
    assert "Naltrexone" not in page
    later = journey.assigned(world, pair[1].sessions.get(period__number=1), "day_1")
    journey.rated(world, later)
    with standing_at("vault"):
        links = datasets.open_links(world.unblinded_statistician, world.study, reason="test")
        rows = datasets.unblinded_madrs_rows(world.study, links)
    assert [(row.interview_started_at == before, row.is_after_reveal) for row in rows] == [(True, False), (False, True)]
    assert first.get("/deducible/").content.decode().count('govuk-tag--yellow">1<') == 1


def test_preparing_doses_makes_nobody_deducible(world: World, pair, first, second) -> None:
    reveal(second, world.pharmacist, code="dispensing")
    assert "nobody can be deduced" in first.get("/deducible/").content.decode()


def test_a_participant_allocated_later_is_deducible_from_then_on(world: World, first, pair) -> None:
    third = journey.randomized(world, sex="M")
    reveal(first, world.unblinded_statistician, third.number)
    fourth = journey.randomized(world, sex="M")
    page = first.get("/deducible/").content.decode()
    assert f"{fourth.number}: the treatment of periods 1 and 2 follows" in page
    assert "XO-001" not in page


def test_packages_of_one_lot_are_followed(world: World, pair, first) -> None:
    other = journey.randomized(world, sex="M")

    def same_lot(study: Study) -> list[Dispensed]:
        return [Dispensed(number, 1, "L7") for number in ("XO-001", other.number, "XO-999")]

    PACKAGE_SOURCES.append(same_lot)
    try:
        reveal(first, world.unblinded_statistician)
        page = first.get("/deducible/").content.decode()
    finally:
        PACKAGE_SOURCES.remove(same_lot)
    assert f"{other.number}: the treatment of periods 1 and 2 follows from a lot" in page
