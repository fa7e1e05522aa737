"""The pages of spectra: who sees what, and what nobody who reviews may be told."""

import pytest
from django.urls import reverse

from sessions.models import StudySession
from tests.factories import journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


def test_the_worklist_groups_what_waits(world: World, session: StudySession, client_for) -> None:
    client = client_for(world.imaging_analyst)
    page = client.get(reverse("spectra"))
    assert page.status_code == 200
    assert [one.pk for one in page.context["work"].to_upload] == [session.pk]
    spectrum = scans.uploaded(world, session)
    work = client.get(reverse("spectra")).context["work"]
    assert ([line.spectrum.pk for line in work.running], work.to_upload) == ([spectrum.pk], [])
    run = scans.finished(world, spectrum, scans.document(blocks=6))
    work = client.get(reverse("spectra")).context["work"]
    assert ([line.run.pk for line in work.to_review], work.running) == ([run.pk], [])
    for url in (reverse("spectrum", args=[spectrum.pk]), reverse("quantification", args=[run.pk]), reverse("bases")):
        assert client.get(url).status_code == 200, url
