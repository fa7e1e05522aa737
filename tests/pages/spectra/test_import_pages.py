"""Results of other programs: attached, every number as its file has it, marked as imported, outside every outcome."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from sessions.imported import comparison
from sessions.models import ImportedResult, MetaboliteEstimate, QuantificationRun, Spectrum
from sessions.services import imports, sandbox
from tests.factories import journey, scans
from tests.factories.foreign_results import FSL_SUMMARY, LCMODEL_ROWS, lcmodel_table
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(world: World) -> QuantificationRun:
    journey.activate_list(world)
    scans.make_basis(world)
    document = scans.document()
    document["metabolites"] |= {
        "tCr": {"amplitude": 8.0, "crlb_percent": 1.0}, "tNAA": {"amplitude": 12.0, "crlb_percent": 2.0},
        "Glu": {"amplitude": 10.0, "crlb_percent": None},
    }  # fmt: skip
    return scans.finished(world, scans.uploaded(world, scans.held_session(world)), document)


def attach(client, run: QuantificationRun, text: str, name: str = "Somebody's result.table"):
    url = reverse("spectrum-imports", args=[run.spectrum_id])
    return client.post(url, {"file": SimpleUploadedFile(name, text.encode())}, follow=True)


def test_every_number_stands_as_its_file_has_it_beside_ours(world: World, run: QuantificationRun, client_for) -> None:
    client = client_for(world.imaging_analyst)
    before = MetaboliteEstimate.objects.count()
    page = attach(client, run, lcmodel_table())
    text = page.content.decode()
    assert (page.status_code, "The LCModel result is attached, marked as imported." in text) == (200, True)
    for value, percent, ratio, name in LCMODEL_ROWS:
        assert [one for one in (value, percent, ratio, name) if one not in text] == []
    assert "Somebody" not in text
    assert attach(client, run, FSL_SUMMARY, "summary.csv").status_code == 200
    rows = {row.name: row for row in comparison(run.spectrum, run)}
    assert (rows["tNAA"].ours, rows["tNAA"].others) == ("1.500 (2%)", ("0.591 (6%)", "–"))
    assert (rows["Glu"].ours, rows["Glu"].others[1]) == ("1.250", "1.3135001200000001 (3.1999998%)")
    assert MetaboliteEstimate.objects.count() == before
    text = client.get(reverse("quantification", args=[run.pk])).content.decode()
    assert ("(2 imported)" in text, "0.591" in text) == (True, False)


def test_the_same_file_is_attached_once(world: World, run: QuantificationRun, client_for) -> None:
    client = client_for(world.imaging_analyst)
    for _ in range(2):
        attach(client, run, lcmodel_table())
    assert ImportedResult.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "The file is empty."), ("no result at all", "not a result that can be imported"), ("x" * 40, "imported")],
)
def test_what_is_no_result_is_refused(
    world: World, run: QuantificationRun, client_for, text: str, sentence: str
) -> None:
    page = attach(client_for(world.imaging_analyst), run, text)
    assert (page.status_code, sentence in page.content.decode()) == (422, True)
    assert client_for(world.imaging_analyst).post(page.request["PATH_INFO"], {}).status_code == 422
    assert ImportedResult.objects.count() == 0


def test_a_file_that_no_result_is_as_large_as_is_not_read(world: World, run: QuantificationRun, client_for) -> None:
    page = attach(client_for(world.imaging_analyst), run, "x" * (imports.LIMIT_BYTES + 1))
    assert (page.status_code, "larger than 16 MB" in page.content.decode()) == (422, True)
    assert ImportedResult.objects.count() == 0


def test_a_reader_that_dies_says_what_can_be_imported(
    world: World, run: QuantificationRun, client_for, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "MEMORY_BYTES", 1024**2)  # too little for any process
    page = attach(client_for(world.imaging_analyst), run, lcmodel_table())
    assert (page.status_code, imports.UNREADABLE in page.content.decode()) == (422, True)
    assert ImportedResult.objects.count() == 0


def test_the_same_file_attached_by_two_at_once_is_there_once(
    world: World, run: QuantificationRun, client_for, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = imports._read

    def read_while_another_attaches(filename: str, content: bytes) -> dict[str, object]:
        found = read(filename, content)
        ImportedResult.objects.create(
            spectrum=run.spectrum, program="LCModel", sha256=hashlib.sha256(content).hexdigest(), document=found,
            imported_by=world.imaging_analyst,
        )  # fmt: skip
        return found

    monkeypatch.setattr(imports, "_read", read_while_another_attaches)
    page = attach(client_for(world.imaging_analyst), run, lcmodel_table())
    assert (page.status_code, ImportedResult.objects.count()) == (200, 1)


def test_reviewers_are_not_told_when_a_result_was_attached(world: World, run: QuantificationRun, client_for) -> None:
    attach(client_for(world.imaging_analyst), run, lcmodel_table())
    url = reverse("spectrum-imports", args=[run.spectrum_id])
    for person, is_told in (("imaging_analyst", False), ("statistician", True)):
        text = client_for(world.people[person]).get(url).content.decode()
        assert ("attached by Imaging Analyst. SHA" in text) is not is_told, person


def test_readers_see_imports_and_only_reviewers_attach(world: World, run: QuantificationRun, client_for) -> None:
    url = reverse("spectrum-imports", args=[run.spectrum_id])
    statistician = client_for(world.statistician)
    page = statistician.get(url)
    assert (page.status_code, "Attach a result" in page.content.decode()) == (200, False)
    assert attach(statistician, run, lcmodel_table()).status_code == 403
    for name, status in (("monitor", 403), ("coordinator", 403), ("rater", 404), ("south_coordinator", 403)):
        assert client_for(world.people[name]).get(url).status_code == status
    Spectrum.objects.filter(pk=run.spectrum_id).update(kind="water")
    page = attach(client_for(world.imaging_analyst), run, lcmodel_table())
    assert (page.status_code, "A water reference has no result." in page.content.decode()) == (422, True)
    assert ImportedResult.objects.count() == 0


def test_without_a_result_of_ours_there_is_nothing_to_compare(world: World, run: QuantificationRun) -> None:
    assert (comparison(run.spectrum, None), comparison(run.spectrum, run)) == ([], [])
    document = run.result.document
    document["metabolites"].pop("tCr")
    run.result.save()
    ImportedResult.objects.create(
        spectrum=run.spectrum, program="X", sha256="0" * 64, document={}, imported_by=world.imaging_analyst
    )
    assert comparison(run.spectrum, QuantificationRun.objects.get(pk=run.pk)) == []
