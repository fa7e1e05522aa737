"""A held session with a default basis."""

import pytest

from sessions.models import StudySession
from tests.factories import journey, scans
from tests.factories.world import World


@pytest.fixture
def session(world: World) -> StudySession:
    """Return a session that was held."""
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)
