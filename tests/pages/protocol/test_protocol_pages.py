"""The pages of the analysis protocol and of batches: who reaches what, what is refused, and what is shown."""

import uuid

import pytest
from django.urls import reverse

from sessions.models import AnalysisProtocol, QuantificationRun, Requantification, StudySession
from sessions.services import analysis_protocols as service
from sessions.services import fitting, jobs, requantification
from studyportal.studies.models import Study
from tests.factories import journey, protocols, scans
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db

HOME = reverse("analysis-protocol")
DRAFT = reverse("analysis-protocol-draft")


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


def filled(world: World, **changes: object) -> dict[str, object]:
    """Return what the form sends when nothing but `changes` is touched."""
    return {
        "bases": [str(one.pk) for one in world.study.basis_sets.all()], "macromolecules": "modelled",
        "baseline_ed_per_ppm": "2.5", "ppm_low": "0.2", "ppm_high": "4.2", "blocks": "auto", "block_count": "",
        "window": "",
        "remove_water": "on", "eddy_current": "on", "exclude": "", "snr_min": "20", "fwhm_ppm_max": "0.1",
        "crlb_percent_max": "20", "excludes_unusable": "on", "reason": "First version",
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("name", "home", "draft", "batch", "comparison"),
    [
        ("imaging_analyst", 200, 200, 200, 200),
        ("statistician", 200, 200, 200, 200),
        ("investigator", 200, 403, 403, 403),
        ("data_manager", 200, 403, 200, 403),
        ("monitor", 200, 403, 200, 403),
        ("coordinator", 403, 403, 403, 403),
        ("rater", 404, 404, 404, 404),
    ],
)
def test_each_role_gets_as_far_as_it_may(
    world: World, session: StudySession, client_for, name: str, home: int, draft: int, batch: int, comparison: int
) -> None:
    found = batch_of(world, session)
    client = client_for(world.people[name])
    assert (client.get(HOME).status_code, client.get(DRAFT).status_code) == (home, draft)
    assert client.get(reverse("analysis-protocol-version", args=[1])).status_code == home
    for page in ("requantification", "requantification-state"):
        assert client.get(reverse(page, args=[found.pk])).status_code == batch
    for page in ("requantification-comparison", "requantification-figure", "requantification-csv"):
        assert client.get(reverse(page, args=[found.pk])).status_code == comparison
    if draft != 200:
        before = (AnalysisProtocol.objects.count(), Requantification.objects.count())
        assert client.post(DRAFT, filled(world)).status_code == draft
        assert client.post(reverse("analysis-protocol-requantify", args=[1])).status_code == draft
        assert client.post(reverse("requantification-cancel", args=[found.pk])).status_code == draft
        assert (AnalysisProtocol.objects.count(), Requantification.objects.count()) == before
        assert not QuantificationRun.objects.filter(state="cancelled").exists()


def batch_of(world: World, session: StudySession) -> Requantification:
    """Return a batch under an exploratory version with one finished and one waiting run."""
    protocols.signed(world)
    for content in (b"one", b"two"):
        scans.finished(world, scans.uploaded(world, session, content))
    other = protocols.drafted(world, is_exploratory=True, snr_min=48.0)
    batch = requantification.start(protocol=other, by=world.imaging_analyst)
    run = batch.runs.order_by("pk").first()
    run.basis = world.study.basis_sets.get()
    run.save()
    found = scans.document()
    found["ratios"]["Glx/tNAA"]["value"] = 1.059
    fitting._commit(jobs.claim(run.pk), found, b"{}")
    return batch


def test_the_page_of_a_study_without_a_protocol_says_so(world: World, client_for) -> None:
    page = client_for(world.imaging_analyst).get(HOME).content.decode()
    assert "every result is marked as outside the protocol" in page
    assert "Draft the protocol" in page
    assert "Draft the protocol" not in client_for(world.monitor).get(HOME).content.decode()
    assert client_for(world.monitor).get(reverse("analysis-protocol-version", args=[1])).status_code == 404


def test_a_version_is_drafted_signed_and_shown_with_what_it_changed(
    world: World, session: StudySession, client_for
) -> None:
    analyst, investigator = client_for(world.imaging_analyst), client_for(world.investigator)
    assert analyst.post(DRAFT, filled(world)).headers["Location"] == reverse("analysis-protocol-version", args=[1])
    changed = filled(world, snr_min="30", blocks="count", block_count="8", exclude="Asc, Gly", reason="Stricter")
    analyst.post(DRAFT, {key: value for key, value in changed.items() if key != "remove_water"})
    second = AnalysisProtocol.objects.get(version=2)
    assert (second.terms["blocks"], second.terms["exclude"], second.terms["remove_water"]) == (
        "8", ["Asc", "Gly"], False,
    )  # fmt: skip
    page = analyst.get(reverse("analysis-protocol-version", args=[2])).content.decode()
    for words in ("<del>20 or more</del>", "<ins>30 or more</ins>", "8 blocks of equal length", "Stricter"):
        assert words in page, words
    assert ("Sign and freeze" in page, "This is the first version" in page) == (False, False)
    url = reverse("analysis-protocol-version", args=[2])
    assert "Sign and freeze" in investigator.get(url).content.decode()
    sign = reverse("analysis-protocol-sign", args=[2])
    refused = investigator.post(sign, {"password": "wrong"})
    assert (refused.status_code, "The password does not match" in refused.content.decode()) == (422, False)
    assert "Enter your own password again" in refused.content.decode()
    assert investigator.post(sign, {"password": ""}).status_code == 422
    assert analyst.post(sign, {"password": PASSWORD}).status_code == 403
    assert service.signed_of(world.study) is None
    assert investigator.post(sign, {"password": PASSWORD}).headers["Location"] == HOME
    page = investigator.get(HOME).content.decode()
    for words in ("Signed and frozen", "Signed by <b>Investigator</b>", service.MEANING, "left out of the basis, snr"):
        assert words in page, words
    again = investigator.post(reverse("analysis-protocol-sign", args=[1]), {"password": PASSWORD})
    assert (again.status_code, "Version 2 is signed and frozen" in again.content.decode()) == (422, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bases": []}, "Choose at least one basis set."),
        ({"bases": [str(uuid.UUID(int=1))]}, "Choose one of the answers that are offered."),
        ({"baseline_ed_per_ppm": "twenty"}, "Enter a number, for example 2.5."),
        ({"baseline_ed_per_ppm": "20"}, "Enter a number from 0.5 to 10."),
        ({"ppm_low": "4.1"}, "span 1 ppm"),
        ({"blocks": "count"}, "Enter a whole number of blocks from 2 to 512."),
        ({"window": "1"}, "Enter a whole number of transients from 2 to 512, or leave it empty."),
        ({"window": "many"}, "Enter a whole number of transients, or leave it empty."),
        ({"exclude": "=1+1"}, "is no name of a basis spectrum"),
        ({"reason": " "}, "Say why this version is made."),
        ({"reason": "x" * 501}, "500 characters at most"),
    ],
)
def test_a_refused_draft_keeps_what_was_typed(
    world: World, session: StudySession, client_for, changes: dict[str, object], words: str
) -> None:
    page = client_for(world.imaging_analyst).post(DRAFT, filled(world, snr_min="33", **changes))
    text = page.content.decode()
    assert (page.status_code, words in text, 'value="33"' in text) == (422, True, True)
    assert AnalysisProtocol.objects.count() == 0


def test_a_frozen_protocol_takes_exploratory_versions_only(world: World, session: StudySession, client_for) -> None:
    protocols.signed(world)
    analyst = client_for(world.imaging_analyst)
    assert "Version 1 is signed and frozen" in analyst.get(DRAFT).content.decode()
    refused = analyst.post(DRAFT, filled(world, snr_min="10"))
    assert (refused.status_code, "can no longer be changed" in refused.content.decode()) == (422, True)
    assert AnalysisProtocol.objects.count() == 1
    analyst.post(DRAFT, filled(world, snr_min="10", is_exploratory="on"))
    assert AnalysisProtocol.objects.get(version=2).is_exploratory
    page = client_for(world.investigator).get(reverse("analysis-protocol-version", args=[2])).content.decode()
    assert ("Exploratory" in page, "Sign and freeze" in page) == (True, False)
    Study.objects.filter(pk=world.study.pk).update(status="locked")
    page = analyst.get(HOME).content.decode()
    assert ("database of this study is locked" in page, "Draft an exploratory" in page) == (True, False)
    assert "is locked" in analyst.post(DRAFT, filled(world, snr_min="11")).content.decode()


def test_measured_macromolecules_and_a_newer_engine(world: World, session: StudySession, client_for) -> None:
    measured = world.study.basis_sets.create(
        name="MM of ward 7", kind="macromolecules", stored_sha256="ab" * 32, suffix=".nii.gz",
        uploaded_by=world.imaging_analyst,
    )  # fmt: skip
    analyst = client_for(world.imaging_analyst)
    given = filled(world, bases=[str(world.study.basis_sets.get(kind="metabolites").pk)])
    analyst.post(DRAFT, given | {"macromolecules": str(measured.pk)})
    page = analyst.get(HOME).content.decode()
    assert ("Measured: MM of ward 7" in page, "fitting engine is newer" in page) == (True, False)
    assert f'value="{measured.pk}" id="id_macromolecules_2" checked' in analyst.get(DRAFT).content.decode()
    first = AnalysisProtocol.objects.get()
    AnalysisProtocol.objects.create(
        study=world.study, version=2, terms=first.terms | {"engine_version": "0.1"}, terms_sha256="x", reason="x",
        drafted_by=world.imaging_analyst,
    )  # fmt: skip
    assert "fitting engine is newer than version 2 names" in analyst.get(HOME).content.decode()


def test_a_batch_is_started_watched_compared_and_cancelled(
    world: World, session: StudySession, client_for, django_capture_on_commit_callbacks
) -> None:
    batch = batch_of(world, session)
    analyst = client_for(world.imaging_analyst)
    url = reverse("requantification", args=[batch.pk])
    page = analyst.get(url).content.decode()
    for words in ("1 of 2 spectra are done.", "Cancel the rest", "Compare old and new", 'hx-trigger="every 3s"'):
        assert words in page, words
    assert "HX-Refresh" not in analyst.get(reverse("requantification-state", args=[batch.pk])).headers
    text = analyst.get(reverse("requantification-comparison", args=[batch.pk])).content.decode()
    for words in ("1 spectrum: too few for limits", "1 verdict turns.", "0.959", "1.059", "+0.100", "+10.4"):
        assert words in text, words
    assert ("eriod 1" in text, "XO-001/sessions" in text) == (False, False)
    assert analyst.get(reverse("requantification-figure", args=[batch.pk])).json()["data"][0]["text"] == ["XO-001"]
    table = analyst.get(reverse("requantification-csv", args=[batch.pk]))
    assert table.headers["Content-Disposition"].startswith('attachment; filename="XO_batch-')
    assert len(table.content.decode().splitlines()) == 2
    start = reverse("analysis-protocol-requantify", args=[1])
    assert "A batch of this study is running" in analyst.post(start, follow=True).content.decode()
    assert "The batch is cancelled" in analyst.post(
        reverse("requantification-cancel", args=[batch.pk]), follow=True
    ).content.decode()  # fmt: skip
    state = analyst.get(reverse("requantification-state", args=[batch.pk]))
    assert (state.headers["HX-Refresh"], b"hx-get" in state.content) == ("true", False)
    again = analyst.post(reverse("requantification-cancel", args=[batch.pk]), follow=True).content.decode()
    assert ("ended already" in again, "Cancelled by Imaging Analyst" in again) == (True, True)
    with django_capture_on_commit_callbacks(execute=True):
        answer = analyst.post(reverse("analysis-protocol-requantify", args=[2]))
    new = Requantification.objects.exclude(pk=batch.pk).get()
    assert (answer.headers["Location"], new.runs.count()) == (reverse("requantification", args=[new.pk]), 1)
    assert new.runs.get().sent_at is not None


def test_what_is_not_made_under_the_signed_protocol_is_marked_on_every_page(
    world: World, session: StudySession, client_for
) -> None:
    batch = batch_of(world, session)
    analyst, coordinator = client_for(world.imaging_analyst), client_for(world.coordinator)
    run = batch.runs.get(state="done")
    page = analyst.get(reverse("quantification", args=[run.pk])).content.decode()
    assert ("Exploratory version 2" in page, "they do not count" in page) == (True, True)
    own = run.spectrum.runs.get(ordinal=1)
    page = analyst.get(reverse("quantification", args=[own.pk])).content.decode()
    assert ("Signed version 1" in page, "they do not count" in page) == (True, False)
    assert "s after the upload&#x27;s last byte" in page.replace("upload's", "upload&#x27;s")
    page = coordinator.get(reverse("spectrum", args=[run.spectrum_id])).content.decode()
    assert ("Exploratory version 2" in page, "Every threshold is met." in page) == (True, True)
    # What waits in the worklist is the run that counts.
    work = analyst.get(reverse("spectra")).context["work"]
    assert {line.run.ordinal for line in work.to_review} == {1}


def test_who_uploads_reads_the_verdict_and_what_to_do(world: World, session: StudySession, client_for) -> None:
    run = scans.finished(world, scans.uploaded(world, session), scans.document(snr=12.0, fwhm_ppm=0.2))
    page = client_for(world.coordinator).get(reverse("spectrum", args=[run.spectrum_id])).content.decode()
    for words in ("SNR 12, needs 20 or more", "Shim the voxel again.", "head coil"):
        assert words in page, words
    page = client_for(world.investigator).get(reverse("spectrum", args=[run.spectrum_id])).content.decode()
    assert "Repeat now" not in page


def test_lists_ask_the_database_no_more_often_when_they_are_longer(
    world: World, session: StudySession, client_for, django_assert_max_num_queries
) -> None:
    batch = batch_of(world, session)
    for snr in (51.0, 52.0, 53.0, 54.0):
        protocols.drafted(world, is_exploratory=True, snr_min=snr)
    analyst = client_for(world.imaging_analyst)
    for url in (HOME, reverse("requantification", args=[batch.pk]),
                reverse("requantification-comparison", args=[batch.pk])):  # fmt: skip
        with django_assert_max_num_queries(40):
            assert analyst.get(url).status_code == 200
