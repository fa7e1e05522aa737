"""A run's course over time on its page, its tables as downloads, and the numbers of charts as they travel."""

import csv
import datetime
import gzip
import io

import pytest
from django.urls import reverse

from sessions import functional_tables
from sessions.models import QuantificationRun, StudySession
from sessions.services.quantification import queue
from tests.factories import functional, journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


@pytest.fixture
def began(session: StudySession) -> datetime.datetime:
    return session.doses.get(planned__kind="infusion").started_at


@pytest.fixture
def run(world: World, session: StudySession, began: datetime.datetime) -> QuantificationRun:
    spectrum = scans.uploaded(world, session, acquired_at=began - datetime.timedelta(minutes=2))
    told = {"series": functional.SERIES, "functional": functional.OUTCOMES, "transients": functional.TRANSIENTS}
    return scans.finished(world, spectrum, scans.document() | told)


def lines_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_each_table_of_a_run_leaves_as_csv_under_the_names_of_the_api(world: World, run, client_for) -> None:
    client = client_for(world.imaging_analyst)
    number = run.spectrum.session.participant.number
    found = {}
    for name, columns in functional_tables.COLUMNS.items():
        answer = client.get(reverse("quantification-table", args=[run.pk, name]))
        assert answer.headers["Content-Disposition"].endswith(f'_run-1.{name}.csv"')
        found[name] = lines_of(answer.content)
        assert list(found[name][0]) == ["participant", "spectrum_id", "run_ordinal", *columns]
        assert {(line["participant"], line["run_ordinal"]) for line in found[name]} == {(number, "1")}
    assert {name: len(lines) for name, lines in found.items()} == {
        "series": 4, "changes": 1, "effects": 2, "transients": 2
    }  # fmt: skip
    assert [line["minutes_from_infusion"] for line in found["series"]] == ["-1.5", "-1.5", "-0.5", "-0.5"]
    assert [line["is_rejected"] for line in found["transients"]] == ["false", "true"]
    assert found["effects"][0]["percent"] == ""
    assert client.get(reverse("quantification-table", args=[run.pk, "treatments"])).status_code == 404


@pytest.mark.parametrize(("person", "status"), [("data_manager", 403), ("coordinator", 403), ("rater", 404)])
def test_who_may_not_see_metabolites_gets_no_table(world: World, run, client_for, person: str, status: int) -> None:
    client = client_for(world.people[person])
    for name in functional_tables.COLUMNS:
        assert client.get(reverse("quantification-table", args=[run.pk, name])).status_code == status


def test_a_run_without_a_course_has_empty_tables_and_says_nothing_of_changes(
    world: World, session: StudySession, client_for
) -> None:
    run = scans.finished(world, scans.uploaded(world, session), scans.document())
    client = client_for(world.imaging_analyst)
    for name in functional_tables.COLUMNS:
        assert lines_of(client.get(reverse("quantification-table", args=[run.pk, name])).content) == []
    text = client.get(reverse("quantification", args=[run.pk])).content.decode()
    assert ("Change after the infusion" in text, "course-title" in text) == (False, False)


def test_the_page_draws_the_parts_where_there_are_no_blocks_and_tells_the_change(world: World, run, client_for) -> None:
    client = client_for(world.imaging_analyst)
    text = client.get(reverse("quantification", args=[run.pk])).content.decode()
    for words in (
        "Glx/tNAA over 2 parts",
        "Change after the infusion’s start",
        "3.0 to 5.0%",
        "of 2 transients before",
    ):
        assert words in text, words
    figure = client.get(reverse("quantification-course", args=[run.pk])).json()
    assert (figure["data"][0]["x"], figure["data"][0]["y"]) == ([-1.5, -0.5], [1.2, 1.25])
    assert [trace["name"] for trace in figure["data"]] == ["Glx/tNAA", "snr", "fwhm_hz"]
    whole = client.get(reverse("quantification-json", args=[run.pk])).json()
    assert (whole["series"], whole["functional"]) == (functional.SERIES, functional.OUTCOMES)


def test_the_numbers_of_charts_travel_compressed_for_those_who_can_read_it(world: World, run, client_for) -> None:
    client = client_for(world.imaging_analyst)
    for name in ("quantification-fit", "quantification-course"):
        address = reverse(name, args=[run.pk])
        plain, packed = client.get(address), client.get(address, headers={"accept-encoding": "gzip"})
        assert (plain.headers.get("Content-Encoding"), packed.headers["Content-Encoding"]) == (None, "gzip")
        assert gzip.decompress(packed.content) == plain.content


def test_only_a_scan_that_began_before_the_infusion_asks_for_its_change(
    world: World, session: StudySession, began: datetime.datetime
) -> None:
    minute = datetime.timedelta(minutes=1)
    early = scans.uploaded(world, session, b"1", acquired_at=began - 10 * minute)
    late = scans.uploaded(world, session, b"2", acquired_at=began + minute)
    unknown = scans.uploaded(world, session, b"3")
    assert early.runs.get().settings["dose"] == [10.0, 50.0]
    assert ["dose" in one.runs.get().settings for one in (late, unknown)] == [False, False]


def test_corrected_times_of_the_infusion_make_another_run_possible(
    world: World, session: StudySession, began: datetime.datetime
) -> None:
    spectrum = scans.uploaded(world, session, acquired_at=began - datetime.timedelta(minutes=10))
    first = spectrum.runs.get()
    assert queue(spectrum=spectrum, by=world.imaging_analyst) == first
    spectrum.upload.acquired_at = began - datetime.timedelta(minutes=12)
    assert queue(spectrum=spectrum, by=world.imaging_analyst).settings["dose"] == [12.0, 52.0]


def test_times_that_reviewers_see_have_no_zone_that_tells_the_season(world: World, run, client_for) -> None:
    addresses = [reverse("quantification", args=[run.pk]), reverse("spectrum", args=[run.spectrum_id])]
    for person, is_told in (("imaging_analyst", False), ("statistician", True)):
        for address in addresses:
            text = client_for(world.people[person]).get(address).content.decode()
            assert (" GMT" in text or " BST" in text) is is_told, (person, address)


def test_a_file_that_is_not_converted_yet_cannot_be_downloaded(world: World, session: StudySession, client_for) -> None:
    spectrum = scans.uploaded(world, session)
    answer = client_for(world.imaging_analyst).get(reverse("spectrum-file", args=[spectrum.pk]))
    assert answer.status_code == 404
    assert "The de-identified file is not there yet." in answer.content.decode()
