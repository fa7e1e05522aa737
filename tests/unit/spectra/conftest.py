"""A held session with a default basis."""

import pytest

from sessions.models import StudySession
from tests.factories import journey, spectra
from tests.factories.world import World


@pytest.fixture
def session(world: World) -> StudySession:
    """Return a session that was held."""
    journey.activate_list(world)
    spectra.make_basis(world)
    return spectra.held_session(world)
