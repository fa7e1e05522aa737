"""A file on its way in: announced, sent in pieces, believed when the checksum agrees."""

import hashlib

import pytest

from sessions.models import StudySession
from sessions.services import uploads
from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    return journey.held(world, journey.randomized(world))


def test_a_whole_file_becomes_a_spectrum_with_a_queued_run(world: World, session: StudySession) -> None:
    spectrum = uploads.store_upload(
        session=session, kind="metabolite", filename="Robin # scän.NII.GZ", content=b"abc", by=world.imaging_analyst
    )
    assert (spectrum.ordinal, spectrum.kind, spectrum.status) == (1, "metabolite", "received")
    assert spectrum.original_sha256 == hashlib.sha256(b"abc").hexdigest()
    assert (spectrum.upload.suffix, spectrum.upload.received_bytes) == (".nii.gz", 3)
    run = spectrum.runs.get()
    assert (run.state, run.ordinal, run.basis, run.settings["basis"]) == ("queued", 1, None, "auto")
