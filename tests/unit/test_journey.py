"""One participant from screening to two signed ratings, by the services alone."""

import pytest

from participants.models import Participant
from ratings.selectors import total_of
from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def test_a_participant_goes_from_screening_to_a_signed_rating(world: World) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    assert participant.status == Participant.Status.RANDOMIZED
    assert [session.period.number for session in participant.sessions.all()] == [1, 2]
    session = journey.held(world, participant)
    rating = journey.rated(world, journey.assigned(world, session))
    assert total_of(rating) == 24
    assert rating.signature.signer == world.rater
