"""Who may see metabolites at one site sees none of another, whatever else the person may do there."""

import pytest
from django.urls import reverse

from sessions import functional_tables
from sessions.models import ImportedResult, QuantificationRun
from sessions.services import store
from studyportal.accounts.models import StudyMembership, User
from studyportal.accounts.roles import Role
from tests.factories import functional, journey, scans
from tests.factories.people import make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(world: World) -> QuantificationRun:
    journey.activate_list(world)
    scans.make_basis(world)
    told = {"series": functional.SERIES, "functional": functional.OUTCOMES, "transients": functional.TRANSIENTS}
    made: QuantificationRun = scans.finished(
        world, scans.uploaded(world, scans.held_session(world)), scans.document() | told
    )
    ImportedResult.objects.create(
        spectrum=made.spectrum, program="Osprey", sha256="a" * 64, imported_by=world.imaging_analyst,
        document={"format": "table", "metabolites": []}, imported_at=made.finished_at,
    )  # fmt: skip
    made.spectrum.stored_sha256 = store.put(b"spectrum")
    made.spectrum.save()
    return made


@pytest.fixture
def two_hats(world: World, run: QuantificationRun) -> User:
    """Return a monitor of the run's site who reviews fits at the other one."""
    here = run.spectrum.session.participant.site
    assert here != world.other_site
    person = make_member("two-hats", Role.MONITOR, world.study, here)
    StudyMembership.objects.create(user=person, study=world.study, site=world.other_site, role=Role.IMAGING_ANALYST)
    return person


@pytest.mark.parametrize("name", ["spectrum-imports", "spectrum-file", "spectrum-bids"])
def test_a_spectrum_of_the_other_site_is_not_found_where_its_values_are(world, run, two_hats, client_for, name) -> None:
    address = reverse(name, args=[run.spectrum_id])
    assert client_for(two_hats).get(address).status_code == 404
    page = client_for(world.imaging_analyst).get(address)
    assert page.status_code == 200
    assert page.getvalue()  # reads to the end, which closes the file behind it


def test_nothing_is_attached_or_computed_at_the_other_site(run, two_hats, client_for) -> None:
    client = client_for(two_hats)
    assert client.post(reverse("spectrum-imports", args=[run.spectrum_id])).status_code == 404
    assert client.post(reverse("spectrum-lcmodel", args=[run.spectrum_id])).status_code == 404
    assert ImportedResult.objects.count() == 1


def test_pages_of_the_other_site_show_quality_without_values(world, run, two_hats, client_for) -> None:
    for name in ("quantification", "quantification-transients"):
        address = reverse(name, args=[run.pk])
        shown = {person: client_for(person).get(address) for person in (two_hats, world.imaging_analyst)}
        assert [page.status_code for page in shown.values()] == [200, 200]
        assert [page.context["may_see_values"] for page in shown.values()] == [False, True]
    text = client_for(two_hats).get(reverse("quantification", args=[run.pk])).content.decode()
    assert "Glx/tNAA" not in text
    for table in functional_tables.COLUMNS:
        assert client_for(two_hats).get(reverse("quantification-table", args=[run.pk, table])).status_code == 404
