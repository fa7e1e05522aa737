"""LCModel where a site has installed it: offered to reviewers of fits, its numbers imported, absent otherwise.

The program is a stand-in of the test's own (`lcmodel_stand_in`): no LCModel is on the machine.
"""

import pytest
from django.db import connection
from django.urls import reverse

from sessions.models import BasisSet, ImportedResult, MetaboliteEstimate, QuantificationRun, Spectrum, Upload
from sessions.services import lcmodel, store
from sessions.services.lcmodel import ABSENT, TOO_SLOW, UNSUITABLE
from studyportal.errors import NotPermitted
from tests.factories import journey, scans
from tests.factories.lcmodel_stand_in import stand_in
from tests.factories.malformed_nifti import lcmodel_basis
from tests.factories.spectra import brain, nifti_mrs_bytes
from tests.factories.world import World

pytestmark = pytest.mark.django_db
BUTTON = "Quantify with LCModel too"


@pytest.fixture
def spectrum(world: World) -> Spectrum:
    journey.activate_list(world)
    scans.make_basis(world)
    run: QuantificationRun = scans.finished(world, scans.uploaded(world, scans.held_session(world)))
    found = run.spectrum
    content = nifti_mrs_bytes(brain(transients=2))
    found.stored_sha256, found.stored_bytes = store.put(content), len(content)
    found.save()
    return found


@pytest.fixture
def basis(world: World) -> BasisSet:
    return BasisSet.objects.create(
        study=world.study, name="Of the sequence", field_tesla=3.0, echo_time_ms=28.0, suffix=".basis",
        stored_sha256=store.put(lcmodel_basis().encode()), uploaded_by=world.imaging_analyst,
    )  # fmt: skip


@pytest.fixture
def installed(settings, tmp_path):
    tmp_path.chmod(0o755)
    settings.PORTAL_LCMODEL_BINARY = str(stand_in(tmp_path))


def ask(client, spectrum: Spectrum):
    return client.post(reverse("spectrum-lcmodel", args=[spectrum.pk]), follow=True)


def test_where_it_is_not_installed_nothing_is_offered(world: World, spectrum, basis, client_for, settings) -> None:
    client = client_for(world.imaging_analyst)
    for path in ("", "lcmodel", "/nowhere/lcmodel"):
        settings.PORTAL_LCMODEL_BINARY = path
        for name in ("spectrum", "spectrum-imports"):
            assert BUTTON not in client.get(reverse(name, args=[spectrum.pk])).content.decode()
        assert ABSENT in ask(client, spectrum).content.decode()
    assert not ImportedResult.objects.exists()


def test_its_numbers_stand_beside_ours_marked_as_imported(world: World, spectrum, basis, installed, client_for) -> None:
    client = client_for(world.imaging_analyst)
    before = MetaboliteEstimate.objects.count()
    for name in ("spectrum", "spectrum-imports"):
        assert BUTTON in client.get(reverse(name, args=[spectrum.pk])).content.decode()
    text = ask(client, spectrum).content.decode()
    assert "The result of LCModel 6.3-1R is attached, marked as imported." in text
    assert "Computed here from the stored spectrum with Of the sequence" in text
    made = ImportedResult.objects.get()
    assert (made.program, made.program_version, made.imported_by) == ("LCModel", "6.3-1R", world.imaging_analyst)
    assert [one["name"] for one in made.document["metabolites"]] == ["NAA", "Cr", "PCr", "Glu"]
    assert (made.document["imported"], made.document["basis_sha256"]) == (True, basis.stored_sha256)
    assert "FILRAW = 'data.raw'" in made.document["control"]
    assert "DOWS" not in made.document["control"]
    assert MetaboliteEstimate.objects.count() == before
    ask(client, spectrum)
    assert ImportedResult.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION AUTHORIZATION DEFAULT")
        cursor.execute("SELECT target FROM audit.event WHERE name = 'LCModel run'")
        assert cursor.fetchall() == [(str(spectrum.pk),)]
        cursor.execute("SET SESSION AUTHORIZATION portal_web")


def test_with_a_water_reference_it_scales_by_it(world: World, spectrum, basis, installed, client_for) -> None:
    water = scans.stored(scans.uploaded(world, spectrum.session, b"water", Upload.Kind.WATER))
    content = nifti_mrs_bytes(brain(concentrations={"NAA": 900.0}))
    water.stored_sha256 = store.put(content)
    water.save()
    Spectrum.objects.filter(pk=spectrum.pk).update(water_reference=water)
    ask(client_for(world.imaging_analyst), spectrum)
    assert "DOWS = T" in ImportedResult.objects.get().document["control"]


def test_a_simulated_set_will_not_do(world: World, spectrum, installed, client_for) -> None:
    assert UNSUITABLE in ask(client_for(world.imaging_analyst), spectrum).content.decode()
    BasisSet.objects.create(
        study=world.study, name="7 T", field_tesla=7.0, suffix=".basis", stored_sha256="0" * 64,
        uploaded_by=world.imaging_analyst,
    )  # fmt: skip
    assert UNSUITABLE in ask(client_for(world.imaging_analyst), spectrum).content.decode()
    assert not ImportedResult.objects.exists()


@pytest.mark.parametrize(
    ("failure", "sentence"), [("error", "LCModel ended without a result."), ("nonsense", "not a whole table")]
)
def test_what_fails_is_a_sentence(failure, sentence, world, spectrum, basis, client_for, settings, tmp_path) -> None:
    tmp_path.chmod(0o755)
    settings.PORTAL_LCMODEL_BINARY = str(stand_in(tmp_path, failure))
    assert sentence in ask(client_for(world.imaging_analyst), spectrum).content.decode()
    assert not ImportedResult.objects.exists()


def test_it_is_stopped_in_time(world, spectrum, basis, client_for, settings, tmp_path, monkeypatch) -> None:
    tmp_path.chmod(0o755)
    settings.PORTAL_LCMODEL_BINARY = str(stand_in(tmp_path, "hang"))
    monkeypatch.setattr(lcmodel, "SECONDS", 0.0)
    assert TOO_SLOW in ask(client_for(world.imaging_analyst), spectrum).content.decode()
    assert not ImportedResult.objects.exists()


def test_water_and_withdrawn_files_are_not_for_it(world: World, spectrum, basis, installed, client_for) -> None:
    Spectrum.objects.filter(pk=spectrum.pk).update(kind=Upload.Kind.WATER)
    client = client_for(world.imaging_analyst)
    assert BUTTON not in client.get(reverse("spectrum", args=[spectrum.pk])).content.decode()
    assert "not withdrawn" in ask(client, spectrum).content.decode()
    assert not ImportedResult.objects.exists()


def test_only_reviewers_of_fits_may_ask(world: World, spectrum, basis, installed, client_for) -> None:
    for person in (world.coordinator, world.statistician, world.data_manager):
        client = client_for(person)
        assert ask(client, spectrum).status_code == 403
        page = client.get(reverse("spectrum", args=[spectrum.pk]))
        assert (page.status_code, BUTTON in page.content.decode()) == (200, False)
    with pytest.raises(NotPermitted):
        lcmodel.quantify(spectrum=spectrum, by=world.statistician)
    assert not ImportedResult.objects.exists()
