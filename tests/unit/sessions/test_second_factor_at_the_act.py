"""Acts that cannot be undone ask whoever has an authenticator for its code as well, once."""

import uuid

import pytest

from participants.models import Participant
from sessions.services.corrections import mark_randomized_in_error
from sessions.services.randomization import RandomizationUnavailable, randomize
from studyportal.accounts.signatures import has_second_factor
from studyportal.errors import InvalidInput
from tests.factories import journey, second_factor
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def take(world: World, participant: Participant, code: str, **options: object) -> Participant:
    given = {"request_id": uuid.uuid4(), "password": PASSWORD} | options
    return randomize(participant=participant, by=world.coordinator, code=code, **given)


def test_a_person_with_an_authenticator_enters_its_code(world: World) -> None:
    journey.activate_list(world)
    participant = journey.eligible(world)
    second_factor.enrol(world.coordinator)
    code = second_factor.code_of(world.coordinator)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for typed, reason, words in (
        ("", "code_missing", "Enter the six digits that your authenticator shows now."),
        (wrong, "wrong_code", "Wait for the next code of your authenticator, then enter it."),
        ("12", "wrong_code", "Wait for the next code of your authenticator, then enter it."),
    ):
        with pytest.raises(InvalidInput) as refused:
            take(world, participant, typed)
        assert (refused.value.reason_code, refused.value.fields) == (reason, {"code": words})
    with pytest.raises(InvalidInput) as refused:
        take(world, participant, code, password="wrong")
    assert set(refused.value.fields) == {"password"}
    assert Participant.objects.get().randomization_number == ""
    # A wrong password has not used the code up; authenticators show it in two groups.
    assert take(world, participant, f"{code[:3]} {code[3:]}").status == "randomized"


def test_a_code_opens_one_act_and_a_repeated_request_needs_none(world: World) -> None:
    journey.activate_list(world)
    first, second, key = journey.eligible(world), journey.eligible(world), uuid.uuid4()
    second_factor.enrol(world.coordinator)
    code = second_factor.code_of(world.coordinator)
    done = take(world, first, code, request_id=key)
    assert take(world, first, code, request_id=key).randomization_number == done.randomization_number
    with pytest.raises(InvalidInput, match="does not match, or was used already"):
        take(world, second, code)
    assert Participant.objects.get(pk=second.pk).randomization_number == ""


def test_a_code_is_not_used_up_by_what_was_not_done(world: World) -> None:
    participant = journey.eligible(world)
    second_factor.enrol(world.coordinator)
    code = second_factor.code_of(world.coordinator)
    with pytest.raises(RandomizationUnavailable):
        take(world, participant, code)
    journey.activate_list(world)
    assert take(world, participant, code).status == "randomized"


def test_where_everybody_must_have_one_a_person_without_is_refused(world: World, settings) -> None:
    journey.activate_list(world)
    participant = journey.eligible(world)
    assert not has_second_factor(world.coordinator)
    settings.PORTAL_REQUIRE_SECOND_FACTOR = True
    assert has_second_factor(world.coordinator)
    with pytest.raises(InvalidInput) as refused:
        take(world, participant, "123456")
    assert refused.value.fields == {"code": "You have no authenticator yet. Set one up first."}
    assert Participant.objects.get().randomization_number == ""


def test_the_mark_of_an_error_asks_for_it_too(world: World) -> None:
    journey.activate_list(world)
    done = journey.randomized(world)
    second_factor.enrol(world.investigator)
    asked = {"participant": done, "reason": "Not eligible", "password": PASSWORD, "by": world.investigator}
    with pytest.raises(InvalidInput, match="Enter the code of your authenticator"):
        mark_randomized_in_error(**asked)
    marked = mark_randomized_in_error(**asked, code=second_factor.code_of(world.investigator))
    assert marked.participant == done
