"""Randomization from the blinded door: preconditions, password, repeated requests, neutral exhaustion, mail."""

import uuid

import pytest

from participants.models import Participant
from participants.services.consent import withdraw_consent
from sessions.models import OutboxMessage, StudySession
from sessions.policies import randomization_preconditions
from sessions.services.randomization import RandomizationUnavailable, randomize, strata_of, stratum_of
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import UNBLINDED_ROLES
from studyportal.errors import InvalidInput, InvalidState, NotPermitted
from studyportal.studies.models import Study
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.mailing import delivered
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def take(
    world: World, participant: Participant, *, by: User | None = None, key: uuid.UUID | None = None
) -> Participant:
    return randomize(
        participant=participant, request_id=key or uuid.uuid4(), password=PASSWORD, by=by or world.coordinator
    )


def untouched(participant: Participant) -> bool:
    found = Participant.objects.get(pk=participant.pk)
    return not found.randomization_number and not StudySession.objects.filter(participant=found).exists()


def test_randomization_gives_a_number_and_plans_every_period(world: World) -> None:
    journey.activate_list(world)
    participant = take(world, journey.eligible(world))
    assert participant.status == "randomized"
    assert participant.randomization_number
    assert participant.randomized_by == world.coordinator
    assert [s.period.number for s in participant.sessions.all()] == [1, 2]


def test_a_repeated_request_changes_and_sends_nothing(world: World) -> None:
    journey.activate_list(world)
    participant, key = journey.eligible(world), uuid.uuid4()
    first = take(world, participant, key=key)
    sent = len(delivered())
    again = take(world, participant, key=key)
    other_key = take(world, participant)
    assert first.randomization_number == again.randomization_number == other_key.randomization_number
    assert StudySession.objects.count() == 2
    assert len(delivered()) == sent == 2


def test_the_site_and_the_pharmacy_are_told_without_a_treatment(world: World) -> None:
    journey.activate_list(world)
    participant = journey.eligible(world)
    number = take(world, participant).randomization_number
    pharmacy, site = sorted(delivered(), key=lambda message: message.subject)
    assert site.subject == "XO-001 is randomized"
    assert site.to == ["coordinator@example.org"]
    assert f"Randomization number: {number}" in site.body
    assert "By: Coordinator" in site.body
    assert pharmacy.subject == "An allocation waits"
    assert pharmacy.to == ["pharmacist@example.org"]
    assert "XO-001" not in pharmacy.body
    assert number not in pharmacy.body
    for message in (site, pharmacy):
        assert not {"Placebo", "Naltrexone", "AB", "BA"} & set(message.body.replace(".", " ").split())


def test_nobody_without_an_address_is_written_to(world: World) -> None:
    journey.activate_list(world)
    participant = journey.eligible(world)
    with standing_at("vault"):  # an address of somebody unblinded is none of the blinded door's
        User.objects.filter(memberships__role__in=UNBLINDED_ROLES).update(email="")
    User.objects.exclude(email="").update(email="")
    take(world, participant)
    assert delivered() == []
    assert OutboxMessage.objects.count() == 0


def test_only_the_sites_coordinator_randomizes_and_with_the_password(world: World) -> None:
    journey.activate_list(world)
    participant = journey.eligible(world)
    for stranger in (world.investigator, world.rater, world.administrator, world.south_coordinator, world.outsider):
        with pytest.raises(NotPermitted):
            take(world, participant, by=stranger)
    with pytest.raises(InvalidInput) as refusal:
        randomize(participant=participant, request_id=uuid.uuid4(), password="wrong", by=world.coordinator)
    assert refusal.value.fields == {"password": "Enter your own password again."}
    assert untouched(participant)


def test_every_precondition_is_needed(world: World) -> None:
    journey.activate_list(world)
    bare = journey.screened(world)
    assert [(p.label, p.is_met) for p in randomization_preconditions(bare)] == [
        ("Consent", False), ("Eligibility", False), ("Baseline", False), ("In screening", True), ("Site open", True),
    ]  # fmt: skip
    with pytest.raises(
        InvalidState, match=r"XO-001 cannot be randomized yet\. Consent: Record the signed consent form"
    ):
        take(world, bare)
    assert untouched(bare)


def test_preconditions_say_what_is_missing_in_eligibility(world: World) -> None:
    def words(participant: Participant) -> str:
        return randomization_preconditions(participant)[1].detail

    participant = journey.screened(world)
    assert words(participant) == "Answer the criteria."
    answers = journey.ANSWERS | {"E1": True}
    journey.record_eligibility(participant=participant, answers=answers, by=world.coordinator)
    assert words(participant) == "At least one criterion is not met."
    journey.record_eligibility(participant=participant, answers=journey.ANSWERS, by=world.coordinator)
    assert words(participant) == "All met; an investigator must sign."
    journey.sign_eligibility(participant=participant, by=world.investigator, password=PASSWORD)
    assert words(participant) == "All 3 met, signed by Investigator"


def test_who_left_or_whose_site_closed_is_not_randomized(world: World) -> None:
    journey.activate_list(world)
    participant, other = journey.eligible(world), journey.eligible(world)
    withdraw_consent(
        participant=participant, withdrawn_on=clock.now().date(), reason="Told the nurse", by=world.coordinator
    )
    with pytest.raises(InvalidState, match="Consent: Record the signed consent form"):
        take(world, participant)
    Study.objects.filter(pk=world.study.pk).update(status="closed")
    with pytest.raises(InvalidState, match="Site open: This site does not recruit now"):
        take(world, other)
    assert untouched(participant)
    assert untouched(other)


def test_exhaustion_is_neutral_to_the_site_and_told_to_the_custodian(world: World) -> None:
    journey.activate_list(world, slots_per_stratum=2)
    for _ in range(2):
        take(world, journey.eligible(world))
    last = journey.eligible(world)
    delivered().clear()
    with pytest.raises(RandomizationUnavailable) as refusal:
        take(world, last)
    assert refusal.value.message == (
        "Randomization is not available now; the trial office has been told. Nothing was changed."
    )
    assert refusal.value.reason_code == "randomization_unavailable"
    assert untouched(last)
    assert [(m.subject, m.to) for m in delivered()] == [
        ("Randomization is not available", ["unblinded-statistician@example.org"])
    ]
    assert take(world, journey.eligible(world, sex="M")).status == "randomized"


def test_without_a_list_the_words_are_the_same(world: World) -> None:
    participant = journey.eligible(world)
    with pytest.raises(RandomizationUnavailable, match="the trial office has been told"):
        take(world, participant)
    assert untouched(participant)


def test_a_form_that_was_used_for_somebody_else_is_refused(world: World) -> None:
    journey.activate_list(world)
    first, second, key = journey.eligible(world), journey.eligible(world), uuid.uuid4()
    take(world, first, key=key)
    with pytest.raises(InvalidState, match="used for somebody else already"):
        take(world, second, key=key)
    assert untouched(second)


def test_strata_come_from_the_screening(world: World) -> None:
    participant = journey.screened(world, sex="M")
    assert strata_of(participant) == [("Site", "01 North"), ("Sex", "Male")]
    assert stratum_of(participant) == "01|M"
    participant.study.strata_factors = []
    assert (strata_of(participant), stratum_of(participant)) == ([], "all")
