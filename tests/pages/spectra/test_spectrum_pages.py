"""The pages of spectra: who sees what, and what nobody who reviews may be told."""

import datetime
import json

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sessions.models import BasisSet, QuantificationReview, QuantificationRun, StudySession
from sessions.spectra import spectra_panel
from tests.factories import journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db

VALUE = "1.368"  # Glx/tCr of the canned document


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


@pytest.fixture
def run(world: World, session: StudySession) -> QuantificationRun:
    return scans.finished(world, scans.uploaded(world, session), scans.document(blocks=6))


def test_the_worklist_groups_what_waits(world: World, session: StudySession, client_for) -> None:
    client = client_for(world.imaging_analyst)
    page = client.get(reverse("spectra"))
    assert page.status_code == 200
    assert [one.pk for one in page.context["work"].to_upload] == [session.pk]
    spectrum = scans.uploaded(world, session)
    work = client.get(reverse("spectra")).context["work"]
    assert ([line.spectrum.pk for line in work.running], work.to_upload) == ([spectrum.pk], [])
    run = scans.finished(world, spectrum)
    work = client.get(reverse("spectra")).context["work"]
    assert ([line.run.pk for line in work.to_review], work.running) == ([run.pk], [])
    client.post(reverse("quantification-review", args=[run.pk]), {"decision": "accept"})
    work = client.get(reverse("spectra")).context["work"]
    assert ([(line.run.pk, line.words) for line in work.reviewed], work.to_review) == ([(run.pk, "Accepted")], [])


@pytest.mark.parametrize(
    ("name", "worklist", "spectrum", "result", "values"),
    [
        ("imaging_analyst", 200, 200, 200, 200),
        ("statistician", 200, 200, 200, 200),
        ("data_manager", 200, 200, 200, 403),
        ("monitor", 200, 200, 200, 403),
        ("coordinator", 403, 200, 403, 403),
        ("investigator", 403, 200, 403, 403),
        ("south_coordinator", 403, 404, 403, 403),
        ("rater", 404, 404, 404, 404),
    ],
)
def test_each_role_gets_as_far_as_it_may(
    world: World, run: QuantificationRun, client_for, name: str, worklist: int, spectrum: int, result: int, values: int
) -> None:
    client = client_for(world.people[name])
    assert client.get(reverse("spectra")).status_code == worklist
    assert client.get(reverse("bases")).status_code == worklist
    page = client.get(reverse("spectrum", args=[run.spectrum_id]))
    assert (page.status_code, VALUE in page.content.decode()) == (spectrum, False)
    page = client.get(reverse("quantification", args=[run.pk]))
    assert (page.status_code, VALUE in page.content.decode()) == (result, values == 200)
    for url in ("fit", "course", "csv", "json"):
        assert client.get(reverse(f"quantification-{url}", args=[run.pk])).status_code == values
    assert client.get(reverse("spectrum-file", args=[run.spectrum_id])).status_code == values


def test_quality_viewers_see_no_ratio_and_no_fit(world: World, run: QuantificationRun, client_for) -> None:
    page = client_for(world.monitor).get(reverse("quantification", args=[run.pk])).content.decode()
    assert "Every threshold is met." in page
    assert not [word for word in ("Glx", "tCr", "data-fit-url", "CRLB", "Save review") if word in page]


def test_reviewers_are_not_told_the_period_or_the_date(world: World, run: QuantificationRun, client_for) -> None:
    date = f"{run.spectrum.uploaded_at:%b %Y}"
    # Every page prints the day on which it is read, which tells nothing; months later the two days differ.
    with time_machine.travel(run.spectrum.uploaded_at + datetime.timedelta(days=100), tick=False):
        client = client_for(world.imaging_analyst)
        for url in (
            reverse("spectra"),
            reverse("spectrum", args=[run.spectrum_id]),
            reverse("quantification", args=[run.pk]),
        ):
            page = client.get(url).content.decode()
            assert ("eriod 1" in page, "/sessions/1/" in page, date in page) == (False, False, False), url
    page = client_for(world.coordinator).get(reverse("spectrum", args=[run.spectrum_id])).content.decode()
    assert (date in page, "/sessions/1/" in page) == (True, True)


def test_the_page_of_a_result_shows_ratios_band_course_and_downloads(
    world: World, run: QuantificationRun, client_for
) -> None:
    client = client_for(world.imaging_analyst)
    page = client.get(reverse("quantification", args=[run.pk]))
    assert [row.name for row in page.context["ratios"]] == [
        "Glu/tCr",
        "Gln/tCr",
        "Glx/tCr",
        "tNAA/tCr",
        "Ins/tCr",
        "Glx/tNAA",
    ]
    text = page.content.decode()
    for words in ("0.920 to 1.010", "over 6 blocks", "Waiting for review", "Every metabolite (2)", "its place on"):
        assert words in text, words
    table = client.get(reverse("quantification-csv", args=[run.pk]))
    lines = table.content.decode().splitlines()
    assert lines[0] == "block,minutes_from_infusion,quantity,name,value,crlb_percent"
    assert "0,,ratio,Glx/tNAA,0.9,5.0" in lines
    for url, kind in (("csv", "text/csv; charset=utf-8"), ("json", "application/json")):
        answer = client.get(reverse(f"quantification-{url}", args=[run.pk]))
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="XO-001_')
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(reverse("quantification-json", args=[run.pk])).json() == run.result.document
    fit = client.get(reverse("quantification-fit", args=[run.pk])).json()
    assert {name: fit[name] for name in ("ppm", "data", "fit", "baseline", "residual")} == {
        name: scans.CURVES[name] for name in ("ppm", "data", "fit", "baseline", "residual")
    }
    file = client.get(reverse("spectrum-file", args=[run.spectrum_id]))
    assert file.content.startswith(b"NIfTI of ")


def test_the_course_is_placed_on_the_infusion_where_the_scans_start_is_known(
    world: World, session: StudySession, client_for
) -> None:
    client = client_for(world.imaging_analyst)
    began = session.doses.get(planned__kind="infusion").started_at
    run = scans.finished(world, scans.uploaded(world, session, acquired_at=began), scans.document(blocks=2))
    figure = client.get(reverse("quantification-course", args=[run.pk])).json()
    assert figure["data"][0]["x"] == [8.0, 16.0]
    assert figure["data"][0]["error_y"]["array"] == pytest.approx([0.045, 0.046])
    assert (figure["layout"]["shapes"][0]["x0"], figure["layout"]["shapes"][0]["x1"]) == (0, 40.0)
    assert "of the infusion" in figure["layout"]["xaxis"]["title"]["text"]


def test_a_page_that_a_copy_leads_to_says_that_the_file_was_here(run: QuantificationRun, world, client_for) -> None:
    client, url = client_for(world.imaging_analyst), reverse("spectrum", args=[run.spectrum_id])
    sentence = "This file was here already; nothing was added."
    assert sentence in client.get(f"{url}?known").content.decode()
    assert sentence not in client.get(url).content.decode()


def test_a_verdict_is_added_and_the_latest_counts(world: World, run: QuantificationRun, client_for) -> None:
    client = client_for(world.imaging_analyst)
    url = reverse("quantification-review", args=[run.pk])
    for given, words in (
        ({}, "Choose accept, accept with comment or reject."),
        ({"decision": "reject", "comment": " "}, "Say why in a few words."),
        ({"decision": "accept", "comment": "x" * 501}, "500 characters at most"),
    ):
        page = client.post(url, given)
        assert (page.status_code, words in page.content.decode()) == (422, True)
    assert client.post(url, {"decision": "comment", "comment": "typed"}).status_code == 302
    for _ in range(2):  # a second submit adds nothing
        assert client.post(url, {"decision": "reject", "comment": "lipid"}).status_code == 302
    page = client.get(reverse("spectra")).context["work"]
    assert [line.words for line in page.reviewed] == ["Rejected"]
    text = client.get(reverse("quantification", args=[run.pk])).content.decode()
    assert ("<b>Accepted with a comment</b>" in text, "<b>Rejected</b>" in text) == (True, True)
    assert "<b>Rejected by the reviewer.</b> lipid</p>" in text
    assert client_for(world.statistician).post(url, {"decision": "accept"}).status_code == 403
    assert [one.decision for one in QuantificationReview.objects.order_by("reviewed_at")] == ["comment", "reject"]


def test_the_state_moves_and_then_reloads_the_page_once(world: World, session: StudySession, client_for) -> None:
    spectrum = scans.uploaded(world, session)
    waiting = spectrum.runs.get()
    client = client_for(world.coordinator)
    url = reverse("quantification-state", args=[waiting.pk])
    page = client.get(url, {"seen": "queued"})
    text = page.content.decode()
    assert ("Waiting for a worker" in text, "hx-swap-oob" in text, "HX-Refresh" in page.headers) == (True, False, False)
    QuantificationRun.objects.filter(pk=waiting.pk).update(state="fitting", progress=0.4)
    text = client.get(url, {"seen": "queued"}).content.decode()
    assert ("hx-swap-oob" in text, 'value="0.40"' in text) == (True, True)
    scans.stored(spectrum)
    QuantificationRun.objects.filter(pk=waiting.pk).update(state="queued", progress=0)
    scans.finished(world, spectrum)
    assert client.get(url, {"seen": "fitting"}).headers["HX-Refresh"] == "true"
    assert client_for(world.south_coordinator).get(url).status_code == 404


def test_cancel_and_run_again(
    world: World, session: StudySession, client_for, django_capture_on_commit_callbacks
) -> None:
    run = scans.uploaded(world, session).runs.get()
    client = client_for(world.coordinator)
    assert client.get(reverse("quantification-json", args=[run.pk])).status_code == 403
    assert client_for(world.imaging_analyst).get(reverse("quantification-json", args=[run.pk])).status_code == 404
    assert client_for(world.monitor).post(reverse("quantification-cancel", args=[run.pk])).status_code == 403
    assert client.post(reverse("quantification-cancel", args=[run.pk])).status_code == 302
    assert client.post(reverse("quantification-cancel", args=[run.pk])).status_code == 409
    with django_capture_on_commit_callbacks() as queued:
        page = client.post(reverse("quantification-retry", args=[run.pk]), follow=True)
    assert "Run 2 is queued." in page.content.decode()
    assert scans.sent(queued) == [str(run.spectrum.runs.get(ordinal=2).pk)]
    page = client.post(reverse("quantification-retry", args=[run.pk]), follow=True)
    assert "Run 2 used the same data and settings: queued." in page.content.decode()
    page = client.post(reverse("quantification-retry", args=[run.pk]), {"basis": "nonsense"}, follow=True)
    assert page.status_code == 200
    assert run.spectrum.runs.count() == 2
    QuantificationRun.objects.filter(ordinal=2).update(state="failed", failure_message="The file has no voxel.")
    page = client_for(world.imaging_analyst).get(reverse("spectra")).content.decode()
    assert "The file has no voxel." in page


def test_the_sessions_panel_tells_uploaders_their_state_only(world: World, run: QuantificationRun, client_for) -> None:
    session = run.spectrum.session
    panel = spectra_panel(world.coordinator, session)
    assert panel["may_upload"] is True
    assert [(line.words, line.tone) for line in panel["spectra"]] == [("Fitted", "green")]
    (line,) = spectra_panel(world.monitor, session)["spectra"]
    assert (line.words, line.tone) == ("To review", "yellow")
    page = client_for(world.coordinator).get(f"/participants/{session.participant.number}/sessions/1/").content.decode()
    assert '<strong class="govuk-tag govuk-tag--green">Fitted</strong>' in page
    assert spectra_panel(world.monitor, session)["may_upload"] is False
    planned = session.participant.sessions.get(period__number=2)
    assert (
        spectra_panel(world.coordinator, planned)["may_upload"],
        spectra_panel(world.coordinator, planned)["spectra"],
    ) == (False, [])


def test_the_sessions_page_does_not_lead_a_reviewer_of_fits_to_its_spectra(
    world: World, run: QuantificationRun, client_for
) -> None:
    """The spectrum's page masks the session; from the session's page the period would be known all the same."""
    address = f"/participants/{run.spectrum.session.participant.number}/sessions/1/"
    link = reverse("spectrum", args=[run.spectrum_id])
    page = client_for(world.imaging_analyst).get(address).content.decode()
    assert str(run.spectrum_id) not in page
    assert "Where it stands" not in page
    assert '<th class="govuk-table__header" scope="row">Spectrum 1</th>' in page
    assert "You review fits without knowing the session" in page
    page = client_for(world.coordinator).get(address).content.decode()
    assert f'<a class="govuk-link" href="{link}">Spectrum 1</a>' in page
    assert "without knowing the session" not in page


def test_basis_sets_are_listed_added_and_chosen(world: World, run: QuantificationRun, client_for) -> None:
    client, url = client_for(world.imaging_analyst), reverse("bases")
    page = client.post(url, {"name": "Typed name", "simulation": "laser"})
    assert (page.status_code, "Typed name" in page.content.decode()) == (422, True)
    assert client.post(url, {"name": "x"}).status_code == 422
    assert client.post(url, {"name": "Seven", "simulation": "steam:11,17@7T"}).status_code == 302
    page = client.post(url, {"name": "File", "file": SimpleUploadedFile("a.basis", b"not a basis")})
    assert (page.status_code, "does not say BADELT" in page.content.decode()) == (422, True)
    seven = BasisSet.objects.get(name="Seven")
    make = reverse("basis-default", args=[seven.pk])
    assert client_for(world.statistician).post(make).status_code == 403
    assert client_for(world.statistician).post(url, {"name": "Mine", "simulation": "press:1,2@3T"}).status_code == 403
    assert client.post(make).status_code == 302
    assert client.post(reverse("basis-default", args=[run.pk])).status_code == 404
    assert list(BasisSet.objects.filter(is_default=True)) == [seven]
    assert BasisSet.objects.count() == 2


def test_lists_cost_the_same_number_of_queries_whatever_their_length(
    world: World, session: StudySession, client_for
) -> None:
    client = client_for(world.imaging_analyst)
    scans.finished(world, scans.uploaded(world, session, b"1"))
    client.get(reverse("spectra"))
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("spectra"))
    for content in (b"2", b"3"):
        scans.finished(world, scans.uploaded(world, session, content))
    scans.held_session(world)
    with CaptureQueriesContext(connection) as four:
        client.get(reverse("spectra"))
    assert (len(four), len(one) <= 30) == (len(one), True), json.dumps([q["sql"][:90] for q in four], indent=0)
