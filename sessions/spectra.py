"""Reads of spectra and their quantification, always for somebody; reviewers are not told a session's period.

Lists for reviewers are ordered by participant and random id: neither position nor id says which session came first.
"""

import uuid
from dataclasses import dataclass, replace

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from sessions.models import (
    BasisSet,
    MetaboliteEstimate,
    QuantificationReview,
    QuantificationRun,
    Spectrum,
    StudySession,
    Upload,
)
from sessions.spectrum_forms import UploadForm
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, sites_with
from studyportal.errors import NotFound
from studyportal.studies.models import Study

State = QuantificationRun.State


def spectra_for(viewer: User, study: Study, permission: Permission = Permission.SESSION_VIEW) -> QuerySet[Spectrum]:
    """Spectra of the sites where the viewer holds `permission`, each with its runs, the latest first."""
    runs = (
        QuantificationRun.objects.select_related("basis", "result", "protocol")
        .defer("result__document")  # long, and read on the page of one run only
        .prefetch_related(_reviews())
        .order_by("-ordinal")
    )
    return (
        Spectrum.objects.filter(
            session__participant__study=study,
            session__participant__site__in=sites_with(viewer, permission, study),
        )
        .select_related(
            "session__participant__site", "session__participant__study", "session__period", "upload", "uploaded_by",
            "withdrawn_by", "water_reference",
        )
        .prefetch_related(Prefetch("runs", runs))
        .order_by("session__participant__number", "pk")
    )  # fmt: skip


def spectrum_for(
    viewer: User, study: Study, spectrum_id: uuid.UUID, permission: Permission = Permission.SESSION_VIEW
) -> Spectrum:
    """Return one spectrum of a site where the viewer holds `permission`.

    Raises:
        NotFound: there is none at those sites.
    """
    found = spectra_for(viewer, study, permission).filter(pk=spectrum_id).first()
    if found is None:
        raise NotFound("There is no such spectrum at your sites.")
    return found


def run_for(
    viewer: User, study: Study, run_id: uuid.UUID, permission: Permission = Permission.SESSION_VIEW
) -> QuantificationRun:
    """Return one run of a site where the viewer holds `permission`.

    Raises:
        NotFound: there is none at those sites.
    """
    found = (
        QuantificationRun.objects.filter(
            pk=run_id,
            spectrum__session__participant__study=study,
            spectrum__session__participant__site__in=sites_with(viewer, permission, study),
        )
        .select_related(
            "spectrum__session__participant__site", "spectrum__session__participant__study", "spectrum__upload",
            "spectrum__water_reference", "spectrum__withdrawn_by", "basis", "result", "protocol",
        )
        .prefetch_related(_reviews(), "spectrum__session__doses__planned")
        .first()
    )  # fmt: skip
    if found is None:
        raise NotFound("There is no such quantification at your sites.")
    return found


def result_for(viewer: User, study: Study, run_id: uuid.UUID, permission: Permission) -> QuantificationRun:
    """Return one finished run with its result.

    Raises:
        NotFound: there is none at the viewer's sites, or it has no result.
    """
    run = run_for(viewer, study, run_id, permission)
    if not hasattr(run, "result"):
        raise NotFound("This quantification has no result.")
    return run


def siblings_of(viewer: User, spectrum: Spectrum) -> list[QuantificationRun]:
    """Return the latest results of the other spectra of the same session, as far as the viewer may see sessions."""
    study = spectrum.session.participant.study
    others = spectra_for(viewer, study).filter(session=spectrum.session, kind=Upload.Kind.METABOLITE)
    latest = (next(iter(one.runs.all()), None) for one in others.exclude(pk=spectrum.pk).order_by("ordinal"))
    return [run for run in latest if run is not None and hasattr(run, "result")]


def estimates_of(run: QuantificationRun) -> QuerySet[MetaboliteEstimate]:
    """Return a run's numbers: the whole spectrum first, then block by block."""
    return MetaboliteEstimate.objects.filter(result__run=run).order_by("block", "quantity", "name")


def session_to_upload(viewer: User, study: Study, number: str, period: int) -> StudySession:
    """Return the session to which the viewer may upload.

    Raises:
        NotFound: there is none at the sites where the viewer uploads.
    """
    sites = sites_with(viewer, Permission.SPECTRUM_UPLOAD, study)
    found = (
        StudySession.objects.filter(
            participant__study=study, participant__site__in=sites, participant__number=number, period__number=period
        )
        .select_related("participant__site", "participant__study", "period")
        .first()
    )
    if found is None:
        msg = f"{number[:12]} has no session in period {period} at your sites."
        raise NotFound(msg)
    return found


def upload_for(viewer: User, study: Study, upload_id: uuid.UUID) -> Upload:
    """Return one of the viewer's own uploads.

    Raises:
        NotFound: it is somebody else's, or there is none.
    """
    found = (
        Upload.objects.filter(pk=upload_id, created_by=viewer, session__participant__study=study)
        .select_related("session__participant__site", "session__participant__study", "session__period", "parent")
        .select_related("spectrum")
        .first()
    )
    if found is None:
        raise NotFound("There is no such upload of yours.")
    return found


def any_upload(upload_id: uuid.UUID) -> Upload:
    """Return an upload for a command of the machine's administrator, who sees none of the portal's pages.

    Raises:
        NotFound: there is none.
    """
    found = Upload.objects.filter(pk=upload_id).select_related("session__participant__study").first()
    if found is None:
        raise NotFound("There is no such upload.")
    return found


def unfinished_for(viewer: User, session: StudySession) -> list[Upload]:
    """Return the viewer's own uploads of a session that stopped on the way, the latest first."""
    return list(
        Upload.objects.filter(session=session, created_by=viewer, parent=None, completed_at=None, removed_at=None)
        .prefetch_related("companions")
        .order_by("-created_at")
    )


def bases_of(study: Study) -> list[BasisSet]:
    """Return the study's basis sets, the default first."""
    return list(study.basis_sets.select_related("uploaded_by").order_by("-is_default", "name"))


def fitting_bases_of(study: Study) -> list[BasisSet]:
    """Return the sets that a run can be fitted with: measured macromolecules alone are none."""
    return [one for one in bases_of(study) if one.kind == BasisSet.Kind.METABOLITES]


def basis_for(study: Study, basis_id: uuid.UUID) -> BasisSet:
    """Return one basis set of the study.

    Raises:
        NotFound: the study has none of this id.
    """
    found = study.basis_sets.select_related("study", "uploaded_by").filter(pk=basis_id).first()
    if found is None:
        raise NotFound("The study has no such basis set.")
    return found


def spectra_panel(viewer: User, session: StudySession) -> dict[str, object]:
    """Return what the session's page shows of its spectra: files and states, the form for uploaders.

    Who reviews fits does so with the session masked, so the way from a session to its spectra is not shown to them.
    """
    study, site = session.participant.study, session.participant.site
    lines = [Line.of(one) for one in spectra_for(viewer, study).filter(session=session).order_by("ordinal")]
    sees_quality = can(viewer, Permission.SPECTRUM_QUALITY_VIEW, study, site)
    is_held = session.status in {StudySession.Status.IN_PROGRESS, StudySession.Status.COMPLETED}
    return {
        "spectra": lines if sees_quality else [line.without_quality() for line in lines],
        "is_masked": can(viewer, Permission.QUANTIFICATION_REVIEW, study),
        "may_upload": is_held and can(viewer, Permission.SPECTRUM_UPLOAD, study, site),
        "upload_form": UploadForm(session=session),
        "unfinished": unfinished_for(viewer, session),
        "session": session,
        "site": site,
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One spectrum in a list: its latest run and the words for where it stands."""

    spectrum: Spectrum
    run: QuantificationRun | None
    words: str
    tone: str
    group: str

    @classmethod
    def of(cls, spectrum: Spectrum) -> "Line":
        """Read where a spectrum stands from its latest run; exploratory ones wait for nobody."""
        runs = [run for run in spectrum.runs.all() if run.protocol is None or not run.protocol.is_exploratory]
        run = next(iter(runs), None)
        return cls(spectrum, run, *_standing(spectrum, run))

    def without_quality(self) -> "Line":
        """Return the line for those who may know that a fit is finished, but not how good it is."""
        return replace(self, words="Fitted", tone="green") if self.group in {"review", "reviewed"} else self


def _standing(spectrum: Spectrum, run: QuantificationRun | None) -> tuple[str, str, str]:
    """Return words, tone and group of a spectrum."""
    if spectrum.status == Spectrum.Status.WITHDRAWN:
        return "Withdrawn", "grey", "withdrawn"
    if run is None or run.state == State.CANCELLED:
        return "Cancelled", "grey", "failed"
    if run.state == State.FAILED:
        return "Failed", "red", "failed"
    if run.state not in QuantificationRun.ENDED:
        return run.get_state_display(), "", "running"
    if spectrum.kind == Upload.Kind.WATER:
        return "Stored", "green", "reference"
    review = next(iter(run.reviews.all()), None)
    if review is None:
        return ("To review", "yellow", "review") if run.result.is_usable else ("Repeat now", "red", "review")
    rejected = review.decision == QuantificationReview.Decision.REJECT
    return ("Rejected", "red", "reviewed") if rejected else ("Accepted", "green", "reviewed")


@dataclass(frozen=True, slots=True)
class Worklist:
    """What waits: sessions without a spectrum, running work, fits to review, failures; and the reviewed."""

    to_upload: list[StudySession]
    running: list[Line]
    to_review: list[Line]
    failed: list[Line]
    reviewed: list[Line]


def worklist(viewer: User, study: Study) -> Worklist:
    """Return the imaging worklist at the viewer's sites, the session masked."""
    lines = [Line.of(spectrum) for spectrum in spectra_for(viewer, study)]
    groups = {
        name: [line for line in lines if line.group == name] for name in ("running", "review", "failed", "reviewed")
    }
    without = Subquery(
        Spectrum.objects.filter(session=OuterRef("pk"), kind=Upload.Kind.METABOLITE)
        .exclude(status__in=Spectrum.UNUSED)
        .values("pk")[:1]
    )
    to_upload = (
        StudySession.objects.filter(
            participant__study=study,
            participant__site__in=sites_with(viewer, Permission.SPECTRUM_UPLOAD, study),
            status__in=[StudySession.Status.IN_PROGRESS, StudySession.Status.COMPLETED],
        )
        .annotate(has_spectrum=without)
        .filter(has_spectrum=None)
        .select_related("participant", "period")
        .order_by("participant__number", "pk")
    )
    return Worklist(
        to_upload=list(to_upload), running=groups["running"], to_review=groups["review"], failed=groups["failed"],
        reviewed=groups["reviewed"],
    )  # fmt: skip


def _reviews() -> "Prefetch[str]":
    """Return the prefetch of reviews, the latest first: it counts."""
    return Prefetch("reviews", QuantificationReview.objects.select_related("reviewed_by").order_by("-reviewed_at"))
