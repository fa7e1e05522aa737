"""After a randomization: both values of a wrong stratum stand, and an error is marked once and for good."""

import pytest

from participants.models import Participant
from sessions.models import ProtocolDeviation, RandomizedInError, StratumCorrection
from sessions.policies import stratum_words
from sessions.services.corrections import correct_sex, mark_randomized_in_error
from studyportal.audit.models import Change
from studyportal.errors import InvalidInput, InvalidState, NotPermitted
from studyportal.reports import datasets
from tests.conftest import database_role
from tests.factories import journey
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def done(world: World) -> Participant:
    """A randomized woman of site 01."""
    journey.activate_list(world)
    return journey.randomized(world)


def corrected(world: World, participant: Participant, **changed: object) -> Participant:
    given = {"sex": "M", "reason": " Misread the form ", "password": PASSWORD, "by": world.coordinator} | changed
    return correct_sex(participant=participant, **given)


def marked(world: World, participant: Participant, **changed: object) -> RandomizedInError:
    given = {"reason": " Consent was missing ", "password": PASSWORD, "by": world.investigator} | changed
    return mark_randomized_in_error(participant=participant, **given)


def test_the_allocation_stays_and_both_values_stand(world: World, done: Participant) -> None:
    number = done.randomization_number
    now = corrected(world, done)
    assert (now.sex, now.randomization_number, now.randomized_stratum) == ("M", number, "01|F")
    row = StratumCorrection.objects.get()
    assert (row.factor, row.value_before, row.value_after, row.reason, row.recorded_by) == (
        "sex", "Female", "Male", "Misread the form", world.coordinator,
    )  # fmt: skip
    deviation = ProtocolDeviation.objects.get()
    assert (deviation.code, deviation.session, deviation.occurred_at) == ("wrong_stratum", None, done.randomized_at)
    assert deviation.description == ("Randomized in the stratum of female; the right value is male. Misread the form")
    # The receipt keeps saying what was confirmed.
    assert stratum_words(now) == (("Site", "01 North"), ("Sex", "Female"))
    exported = datasets.participant_rows(world.statistician, world.study)[0]
    assert (exported.sex, exported.stratum_at_randomization, exported.stratum_corrected) == ("M", "01|F", "01|M")
    with database_role("portal_owner"):
        changes = Change.objects.filter(tbl="public.participants_participant", pk_text=str(done.pk))
        change = changes.order_by("seq").last()
        assert "Misread the form" in change.body


def test_put_right_again_nothing_is_left_to_export_but_the_history_stays(world: World, done: Participant) -> None:
    corrected(world, done)
    corrected(world, done, sex="F", reason="Was right")
    exported = datasets.participant_rows(world.statistician, world.study)[0]
    assert (exported.stratum_at_randomization, exported.stratum_corrected) == ("01|F", "")
    assert StratumCorrection.objects.count() == 2


def test_before_randomization_the_record_is_just_corrected(world: World) -> None:
    participant = journey.screened(world)
    assert corrected(world, participant).sex == "M"
    assert (StratumCorrection.objects.count(), ProtocolDeviation.objects.count()) == (0, 0)
    row = datasets.participant_rows(world.statistician, world.study)[0]
    assert (row.stratum_at_randomization, row.stratum_corrected) == ("", "")


def test_what_is_no_stratum_is_no_deviation(world: World, done: Participant) -> None:
    world.study.strata_factors = ["site"]
    world.study.save()
    corrected(world, done)
    assert (StratumCorrection.objects.count(), ProtocolDeviation.objects.count()) == (1, 0)


def test_participants_of_an_early_version_have_the_stratum_of_their_factors(world: World, done: Participant) -> None:
    done.randomized_stratum = ""
    assert stratum_words(done) == (("Site", "01 North"), ("Sex", "Female"))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"sex": "X"}, "sex"), ({"sex": "F"}, "sex"), ({"reason": " "}, "reason"), ({"password": "no"}, "password")],
)
def test_a_bad_correction_is_refused_beside_its_field(
    world: World, done: Participant, wrong: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        corrected(world, done, **wrong)
    assert set(refused.value.fields) == {field}
    assert Participant.objects.get().sex == "F"
    assert StratumCorrection.objects.count() == 0


def test_an_error_is_marked_with_a_deviation_and_everything_stays(world: World, done: Participant) -> None:
    row = marked(world, done)
    assert (row.reason, row.marked_by, row.signature.signer) == (
        "Consent was missing", world.investigator, world.investigator,
    )  # fmt: skip
    deviation = ProtocolDeviation.objects.get()
    assert (deviation.code, deviation.description) == (
        "randomized_in_error", "Randomized in error: Consent was missing",
    )  # fmt: skip
    after = Participant.objects.get()
    assert (after.status, after.randomization_number) == ("randomized", done.randomization_number)
    assert after.sessions.count() == 2
    with pytest.raises(InvalidState, match="marked as randomized in error already"):
        marked(world, done)


def test_who_is_not_randomized_was_not_in_error(world: World) -> None:
    with pytest.raises(InvalidState, match="XO-001 has not been randomized"):
        marked(world, journey.screened(world))


@pytest.mark.parametrize(("wrong", "field"), [({"reason": " "}, "reason"), ({"password": "no"}, "password")])
def test_a_bad_mark_is_refused(world: World, done: Participant, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        marked(world, done, **wrong)
    assert set(refused.value.fields) == {field}
    assert RandomizedInError.objects.count() == 0


def test_only_the_sites_people_correct_and_not_after_the_lock(world: World, done: Participant) -> None:
    for stranger in (world.rater, world.monitor, world.statistician, world.south_coordinator, world.administrator):
        with pytest.raises(NotPermitted):
            corrected(world, done, by=stranger)
        with pytest.raises(NotPermitted):
            marked(world, done, by=stranger)
    world.study.status = "locked"
    world.study.save()
    for act in (corrected, marked):
        with pytest.raises(InvalidState, match="The study is locked"):
            act(world, done)
    assert Participant.objects.get().sex == "F"
    assert (RandomizedInError.objects.count(), StratumCorrection.objects.count()) == (0, 0)
