"""Screening, consent, eligibility, identity and leaving: each act beside its refusals, which change nothing."""

import datetime

import pytest

from participants.models import Consent, EligibilityAssessment, Identity, Participant, ScreenFailure, Withdrawal
from participants.policies import has_left
from participants.selectors import (
    consent_in_force,
    consents_of,
    criteria_of,
    eligibility_of,
    participant_for,
    participants_for,
    screenable_sites,
    screening_of,
    visible_sites,
)
from participants.services.consent import record_consent, withdraw_consent
from participants.services.eligibility import record_eligibility, sign_eligibility
from participants.services.identity import erase_identity, read_identity
from participants.services.screening import Person, age_on, screen
from participants.services.withdrawal import fail_screening, withdraw
from studyportal import clock
from studyportal.errors import InvalidInput, InvalidState, NotFound, NotPermitted
from studyportal.studies.models import Study
from tests.factories import journey
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
TODAY = datetime.date(2026, 11, 25)


@pytest.fixture(autouse=True)
def _noon():
    with clock.at(datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)):
        yield


def person(**changes: object) -> Person:
    return Person(**({"full_name": "Robin Example", "born_on": journey.ADULT, "contact": ""} | changes))


def status_of(participant: Participant) -> str:
    return Participant.objects.get(pk=participant.pk).status


# Screening


@pytest.mark.parametrize(
    ("day", "age"), [(datetime.date(2026, 5, 3), 33), (datetime.date(2026, 5, 4), 34), (datetime.date(2026, 5, 5), 34)]
)
def test_age_counts_completed_years(day: datetime.date, age: int) -> None:
    assert age_on(journey.ADULT, day) == age


def test_screening_gives_the_next_number_and_seals_the_person(world: World) -> None:
    first, second = journey.screened(world), journey.screened(world, sex="M")
    assert [first.number, second.number] == ["XO-001", "XO-002"]
    assert (first.status, first.sex, first.age_years) == ("screening", "F", 34)
    assert b"Robin" not in bytes(first.identity.sealed_document)


def test_numbers_go_on_after_999(world: World) -> None:
    participant = journey.screened(world)
    for number in ("XO-999", "XO-1000"):
        Participant.objects.create(
            study=world.study, site=world.site, number=number, sex="F", age_years=30, screened_by=world.coordinator
        )
    assert participant.number == "XO-001"
    assert journey.screened(world).number == "XO-1001"


@pytest.mark.parametrize(
    ("changes", "sex", "field", "words"),
    [
        ({"full_name": "  "}, "F", "full_name", "Enter the person's full name."),
        ({"born_on": TODAY}, "F", "born_on", "The birth date must lie in the past."),
        ({"born_on": datetime.date(1892, 5, 4)}, "F", "born_on", "This birth date gives 134 years. Check the year."),
        (
            {"born_on": datetime.date(2010, 5, 4)}, "F", "born_on",
            "The protocol takes people aged 18 to 50; this birth date gives 16.",
        ),
        ({}, "X", "sex", "Choose female or male, as recorded for stratification."),
    ],
)  # fmt: skip
def test_screening_refuses_bad_input(world: World, changes: dict, sex: str, field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        screen(study=world.study, site=world.site, sex=sex, person=person(**changes), by=world.coordinator)
    assert refusal.value.fields == {field: words}
    assert not Participant.objects.exists()
    assert not Identity.objects.exists()


def test_screening_refuses_others_and_closed_sites(world: World) -> None:
    for stranger in (world.rater, world.investigator, world.outsider):
        with pytest.raises(NotPermitted):
            screen(study=world.study, site=world.site, sex="F", person=person(), by=stranger)
    with pytest.raises(NotPermitted):
        screen(study=world.study, site=world.site, sex="F", person=person(), by=world.south_coordinator)
    world.site.is_active = False
    world.site.save()
    with pytest.raises(InvalidState, match="does not recruit now"):
        screen(study=world.study, site=world.site, sex="F", person=person(), by=world.coordinator)
    world.study.status = Study.Status.CLOSED
    with pytest.raises(InvalidState, match="does not recruit now"):
        screen(study=world.study, site=world.other_site, sex="F", person=person(), by=world.coordinator)
    assert not Participant.objects.exists()
    assert screenable_sites(world.coordinator, world.study) == [world.other_site]
    assert screenable_sites(world.rater, world.study) == []


# Identity


def test_identity_is_read_by_the_site_only(world: World) -> None:
    participant = journey.screened(world)
    assert read_identity(participant=participant, by=world.coordinator) == {
        "full_name": "Robin Example", "born_on": "1992-05-04", "contact": "robin@example.org",
    }  # fmt: skip
    for stranger in (world.monitor, world.south_coordinator):
        with pytest.raises(NotPermitted):
            read_identity(participant=participant, by=stranger)


def test_an_erased_identity_is_gone_and_the_record_stays(world: World) -> None:
    participant = journey.screened(world)
    with pytest.raises(NotPermitted):
        erase_identity(participant=participant, by=world.monitor)
    assert Identity.objects.get(participant=participant).erased_at is None
    erase_identity(participant=participant, by=world.coordinator)
    assert bytes(Identity.objects.get(participant=participant).sealed_key) == b""
    with pytest.raises(NotFound, match="no identity on file"):
        read_identity(participant=participant, by=world.coordinator)
    assert status_of(participant) == "screening"


# Consent


def test_consent_is_recorded_once_per_version(world: World) -> None:
    participant = journey.screened(world)
    record_consent(participant=participant, form_version=" 3.1 ", signed_on=TODAY - DAY, by=world.coordinator)
    assert consent_in_force(participant).form_version == "3.1"
    with pytest.raises(InvalidState, match=r"version 3\.1 is on file already"):
        record_consent(participant=participant, form_version="3.1", signed_on=TODAY, by=world.coordinator)
    record_consent(participant=participant, form_version="3.2", signed_on=TODAY, by=world.investigator)
    assert [consent.form_version for consent in consents_of(participant)] == ["3.2", "3.1"]


@pytest.mark.parametrize(
    ("version", "day", "fields"),
    [
        ("", TODAY, {"form_version": "Enter the version printed on the form, for example 3.1."}),
        ("x" * 13, TODAY, {"form_version": "Enter the version printed on the form, for example 3.1."}),
        ("3.1", TODAY + DAY, {"signed_on": "The form cannot have been signed in the future."}),
    ],
)
def test_consent_refuses_bad_input(world: World, version: str, day: datetime.date, fields: dict) -> None:
    participant = journey.screened(world)
    with pytest.raises(InvalidInput) as refusal:
        record_consent(participant=participant, form_version=version, signed_on=day, by=world.coordinator)
    assert refusal.value.fields == fields
    assert consent_in_force(participant) is None


def test_consent_refuses_strangers_and_who_left(world: World) -> None:
    participant = journey.screened(world)
    for stranger in (world.rater, world.south_coordinator):
        with pytest.raises(NotPermitted):
            record_consent(participant=participant, form_version="3.1", signed_on=TODAY, by=stranger)
    fail_screening(participant=participant, reason="declined", note="", failed_on=TODAY, by=world.coordinator)
    with pytest.raises(InvalidState, match=r"XO-001 has left the study \(screen failed\)"):
        record_consent(participant=participant, form_version="3.1", signed_on=TODAY, by=world.coordinator)
    assert not Consent.objects.exists()


def test_withdrawing_consent_ends_the_way_through_the_study(world: World) -> None:
    participant = journey.eligible(world)
    withdraw_consent(participant=participant, withdrawn_on=TODAY, reason=" Said so by telephone ", by=world.coordinator)
    consent = Consent.objects.get()
    assert (consent.withdrawn_on, consent.withdrawn_by, consent.withdrawn_reason) == (
        TODAY, world.coordinator, "Said so by telephone",
    )  # fmt: skip
    assert consent_in_force(participant) is None
    assert status_of(participant) == "withdrawn"
    assert Withdrawal.objects.get().reason == "participant"
    assert has_left(Participant.objects.get())


def test_withdrawing_consent_after_the_end_keeps_the_stage(world: World) -> None:
    participant = journey.eligible(world)
    Participant.objects.update(status="completed")
    withdraw_consent(participant=participant, withdrawn_on=TODAY, reason="Data no longer", by=world.coordinator)
    assert status_of(participant) == "completed"
    assert not Withdrawal.objects.exists()


@pytest.mark.parametrize(
    ("reason", "day", "fields"),
    [
        (" ", TODAY, {"reason": "Say in a few words how the participant told the site."}),
        ("x", TODAY + DAY, {"withdrawn_on": "The day of withdrawal cannot lie in the future."}),
        ("x", TODAY - DAY, {"withdrawn_on": "The consent was signed after this day."}),
    ],
)
def test_withdrawing_consent_refuses_bad_input(world: World, reason: str, day: datetime.date, fields: dict) -> None:
    participant = journey.eligible(world)
    with pytest.raises(InvalidInput) as refusal:
        withdraw_consent(participant=participant, withdrawn_on=day, reason=reason, by=world.coordinator)
    assert refusal.value.fields == fields
    assert Consent.objects.get().withdrawn_on is None
    assert status_of(participant) == "screening"


def test_withdrawing_consent_refuses_strangers_and_what_is_not_there(world: World) -> None:
    participant = journey.screened(world)
    with pytest.raises(InvalidState, match="XO-001 has no consent in force"):
        withdraw_consent(participant=participant, withdrawn_on=TODAY, reason="x", by=world.coordinator)
    record_consent(participant=participant, form_version="3.1", signed_on=TODAY, by=world.coordinator)
    with pytest.raises(NotPermitted):
        withdraw_consent(participant=participant, withdrawn_on=TODAY, reason="x", by=world.monitor)
    assert consent_in_force(participant) is not None


# Eligibility


def test_eligibility_is_met_only_when_every_criterion_is(world: World) -> None:
    participant = journey.screened(world)
    assert [criterion.code for criterion in criteria_of(world.study)] == ["I1", "I2", "E1"]
    assert record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator).is_eligible
    for wrong in ({"I1": False}, {"E1": True}):
        answers = journey.ANSWERS | wrong
        assert not record_eligibility(participant=participant, answers=answers, by=world.coordinator).is_eligible
    assert EligibilityAssessment.objects.get().answers == {"I1": True, "I2": True, "E1": True}


def test_eligibility_refuses_gaps_strangers_and_signed_answers(world: World) -> None:
    participant = journey.screened(world)
    with pytest.raises(InvalidInput) as refusal:
        record_eligibility(participant=participant, answers={"I1": True}, by=world.coordinator)
    assert refusal.value.fields == {"I2": "Answer yes or no.", "E1": "Answer yes or no."}
    with pytest.raises(NotPermitted):
        record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.rater)
    assert not EligibilityAssessment.objects.exists()
    record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator)
    sign_eligibility(participant=participant, by=world.investigator, password=PASSWORD)
    with pytest.raises(InvalidState, match="is signed"):
        record_eligibility(participant=participant, answers=journey.ANSWERS | {"I1": False}, by=world.coordinator)
    assert EligibilityAssessment.objects.get().answers == journey.ANSWERS


def test_signing_eligibility_takes_an_investigator_and_the_password(world: World) -> None:
    participant = journey.screened(world)
    with pytest.raises(InvalidState, match="not been answered yet"):
        sign_eligibility(participant=participant, by=world.investigator, password=PASSWORD)
    record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator)
    with pytest.raises(NotPermitted):
        sign_eligibility(participant=participant, by=world.coordinator, password=PASSWORD)
    with pytest.raises(InvalidInput) as refusal:
        sign_eligibility(participant=participant, by=world.investigator, password="wrong")
    assert refusal.value.fields == {"password": "Enter your own password again."}
    assert eligibility_of(participant).signed_at is None
    signed = sign_eligibility(participant=participant, by=world.investigator, password=PASSWORD)
    assert signed.signature.signer == world.investigator
    with pytest.raises(InvalidState, match="signed already"):
        sign_eligibility(participant=participant, by=world.investigator, password=PASSWORD)


def test_eligibility_belongs_to_screening(world: World) -> None:
    participant = journey.screened(world)
    Participant.objects.update(status="randomized")
    with pytest.raises(InvalidState, match="no longer in screening"):
        record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator)
    assert not EligibilityAssessment.objects.exists()


# Leaving


def test_screen_failure_is_recorded_once(world: World) -> None:
    participant = journey.screened(world)
    failed = fail_screening(
        participant=participant, reason="not_eligible", note=" Opioids ", failed_on=TODAY, by=world.investigator
    )
    assert (failed.reason, failed.note, status_of(participant)) == ("not_eligible", "Opioids", "screen_failed")
    with pytest.raises(InvalidState, match="has left the study"):
        fail_screening(participant=participant, reason="other", note="", failed_on=TODAY, by=world.coordinator)
    assert ScreenFailure.objects.count() == 1


def test_screen_failure_refuses_bad_input_strangers_and_the_randomized(world: World) -> None:
    participant = journey.screened(world)
    with pytest.raises(InvalidInput) as refusal:
        fail_screening(
            participant=participant, reason="no", note="", failed_on=TODAY + 2 * DAY, by=world.coordinator
        )  # fmt: skip
    assert refusal.value.fields == {"reason": "Choose a reason.", "failed_on": "This day cannot lie in the future."}
    with pytest.raises(NotPermitted):
        fail_screening(participant=participant, reason="other", note="", failed_on=TODAY, by=world.data_manager)
    Participant.objects.update(status="randomized")
    with pytest.raises(InvalidState, match="no longer in screening"):
        fail_screening(participant=participant, reason="other", note="", failed_on=TODAY, by=world.coordinator)
    assert status_of(participant) == "randomized"
    assert not ScreenFailure.objects.exists()


def test_withdrawal_keeps_the_data_and_happens_once(world: World) -> None:
    participant = journey.eligible(world)
    withdraw(participant=participant, reason="lost", note="No answer", withdrawn_on=TODAY, by=world.coordinator)
    assert status_of(participant) == "withdrawn"
    assert Consent.objects.count() == 1
    with pytest.raises(InvalidState, match=r"has left the study \(withdrawn\)"):
        withdraw(participant=participant, reason="lost", note="", withdrawn_on=TODAY, by=world.coordinator)
    assert Withdrawal.objects.get().note == "No answer"


@pytest.mark.parametrize(
    ("reason", "day", "fields"),
    [
        ("bored", TODAY, {"reason": "Choose a reason."}),
        ("lost", TODAY + DAY, {"withdrawn_on": "This day cannot lie in the future."}),
        ("lost", TODAY - DAY, {"withdrawn_on": "This day cannot lie before the screening."}),
    ],
)
def test_withdrawal_refuses_bad_input(world: World, reason: str, day: datetime.date, fields: dict) -> None:
    participant = journey.screened(world)
    with pytest.raises(InvalidInput) as refusal:
        withdraw(participant=participant, reason=reason, note="", withdrawn_on=day, by=world.coordinator)
    assert refusal.value.fields == fields
    assert status_of(participant) == "screening"


def test_withdrawal_refuses_strangers_and_the_completed(world: World) -> None:
    participant = journey.screened(world)
    for stranger in (world.monitor, world.rater, world.south_coordinator):
        with pytest.raises(NotPermitted):
            withdraw(participant=participant, reason="lost", note="", withdrawn_on=TODAY, by=stranger)
    Participant.objects.update(status="completed")
    with pytest.raises(InvalidState, match="has completed the study"):
        withdraw(participant=participant, reason="lost", note="", withdrawn_on=TODAY, by=world.coordinator)
    assert status_of(participant) == "completed"
    assert not Withdrawal.objects.exists()


# Reads


def test_other_sites_and_studies_do_not_exist(world: World) -> None:
    north, south = journey.screened(world), journey.screened(world, site=world.other_site)
    assert list(participants_for(world.coordinator, world.study)) == [north, south]
    assert list(participants_for(world.south_coordinator, world.study)) == [south]
    assert list(participants_for(world.outsider, world.study)) == []
    assert list(participants_for(world.rater, world.study)) == []
    assert participant_for(world.south_coordinator, world.study, "XO-002") == south
    with pytest.raises(NotFound, match="There is no participant XO-001 at your sites"):
        participant_for(world.south_coordinator, world.study, "XO-001")
    assert visible_sites(world.south_coordinator, world.study) == [world.other_site]


def test_the_next_step_of_screening_follows_what_is_missing(world: World) -> None:
    def step() -> str:
        return screening_of(Participant.objects.get()).next_step

    participant = journey.screened(world)
    assert step() == "Record the consent"
    record_consent(participant=participant, form_version="3.1", signed_on=TODAY, by=world.coordinator)
    assert step() == "Answer the eligibility criteria"
    record_eligibility(participant=participant, answers=journey.ANSWERS | {"E1": True}, by=world.coordinator)
    assert step() == "Not eligible: end the screening"
    record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator)
    assert step() == "Investigator signs the eligibility"
    sign_eligibility(participant=participant, by=world.investigator, password=PASSWORD)
    assert step() == "Randomize"


def test_rows_say_what_they_are(world: World) -> None:
    participant = journey.eligible(world)
    withdraw(participant=participant, reason="lost", note="", withdrawn_on=TODAY, by=world.coordinator)
    other = journey.screened(world)
    fail_screening(participant=other, reason="lost", note="", failed_on=TODAY, by=world.coordinator)
    assert str(Consent.objects.get()) == f"consent v3.1 of {participant.pk}"
    assert str(criteria_of(world.study)[0]) == "I1 Aged 18 to 50"
    assert str(EligibilityAssessment.objects.get()) == f"eligibility of {participant.pk}"
    assert str(participant.identity) == f"identity of {participant.pk}"
    assert str(Withdrawal.objects.get()) == f"withdrawal of {participant.pk}"
    assert str(ScreenFailure.objects.get()) == f"screen failure of {other.pk}"
    assert str(participant) == "XO-001"
