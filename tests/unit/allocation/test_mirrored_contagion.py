"""Whoever learns the sequence of one knows the other's: mirrored replacements among what a reveal gives away."""

import uuid

import pytest
from django.db import transaction

from participants.models import Participant
from participants.services.withdrawal import withdraw
from sessions.allocation import contagion, replacement
from sessions.allocation.services import unblind_participant
from sessions.services.randomization import randomize
from studyportal import clock
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(world: World) -> tuple[Participant, Participant]:
    """Return who withdrew and the mirrored newcomer, both randomized."""
    journey.activate_list(world)
    leaver = journey.randomized(world)
    withdraw(participant=leaver, reason="participant", note="", withdrawn_on=clock.now().date(), by=world.coordinator)
    newcomer = journey.eligible(world)
    with standing_at("vault"), transaction.atomic():
        replacement.arrange(
            study=world.study, replaced=leaver.pk, participant=newcomer.pk, is_mirrored=True, reason="Left",
            password=PASSWORD, by=world.unblinded_statistician,
        )  # fmt: skip
        assert replacement.sharing_in(world.study) == {}  # nobody shares a sequence before it is given
    done = randomize(participant=newcomer, request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator)
    return leaver, done


@pytest.mark.parametrize("revealed", [0, 1])
def test_a_reveal_of_one_tells_the_other(world: World, pair: tuple[Participant, Participant], revealed: int) -> None:
    one, other = pair[revealed], pair[1 - revealed]
    with standing_at("vault"), transaction.atomic():
        told = contagion.consequence_of(world.study, one.pk, by=world.unblinded_statistician)
        assert (told.others, told.names) == (1, (other.number,))
        assert contagion.deducible_in(world.study) == []
        unblind_participant(
            study=world.study, participant_id=one.pk, by=world.unblinded_statistician, reason_code="emergency",
            reason="Seizure",
        )  # fmt: skip
        found = contagion.deducible_in(world.study)
    assert {(each.participant, each.periods, each.why.value, each.revealed) for each in found} == {
        (one.number, (1, 2), "revealed", one.number), (other.number, (1, 2), "mirrored", one.number),
    }  # fmt: skip
    assert len(found) == 2
    sentence = next(each.sentence for each in found if each.why.value == "mirrored")
    said = "the treatment of periods 1 and 2 is shared with another participant by a mirrored replacement."
    assert sentence == f"{other.number}: {said}"
