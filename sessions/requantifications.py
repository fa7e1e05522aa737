"""Reads of batches: how far each is, and what it would take in; nothing here tells sessions or treatments apart."""

import uuid
from collections import Counter
from dataclasses import dataclass

from django.db.models import QuerySet

from sessions.models import AnalysisProtocol, QuantificationRun, Requantification, Spectrum
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.errors import NotFound
from studyportal.studies.models import Study

State = QuantificationRun.State


@dataclass(frozen=True, slots=True)
class Progress:
    """How many runs of a batch stand where."""

    batch: Requantification
    total: int
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int

    @property
    def ended(self) -> int:
        """How many runs need no more work."""
        return self.done + self.failed + self.cancelled

    @property
    def has_ended(self) -> bool:
        """Whether nothing of the batch is left to do."""
        return self.ended == self.total

    @property
    def words(self) -> str:
        """Where the batch stands, for the page and for screen readers."""
        if not self.has_ended:
            return f"{self.ended} of {self.total} spectra are done."
        parts = [f"{self.done} of {self.total} spectra are quantified"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.cancelled} were cancelled"] if self.cancelled else []
        return ", ".join(parts) + "."

    @property
    def tone(self) -> str:
        """The colour of its tag."""
        return "" if not self.has_ended else "orange" if self.failed or self.cancelled else "green"


def batches_of(study: Study) -> list[Progress]:
    """Return the study's batches, the latest first."""
    return [_progress(one) for one in _batches(study)]


def batch_for(viewer: User, study: Study, batch_id: uuid.UUID) -> Progress:
    """Return one batch.

    Raises:
        NotPermitted: the viewer's role does not include the quality of spectra.
        NotFound: the study has no such batch.
    """
    check(viewer, Permission.SPECTRUM_QUALITY_VIEW, study)
    found = _batches(study).filter(pk=batch_id).first()
    if found is None:
        raise NotFound("There is no such batch in this study.")
    return _progress(found)


def failures_of(viewer: User, study: Study, batch: Requantification) -> list[QuantificationRun]:
    """Return the failed runs of a batch at the viewer's sites, by participant and random id."""
    return list(
        batch.runs.filter(
            state=State.FAILED,
            spectrum__session__participant__site__in=sites_with(viewer, Permission.SPECTRUM_QUALITY_VIEW, study),
        )
        .select_related("spectrum__session__participant")
        .order_by("spectrum__session__participant__number", "pk")
    )


def repeatable(viewer: User, protocol: AnalysisProtocol) -> int:
    """Return how many stored spectra have no living run under a version yet, at the viewer's sites."""
    living = QuantificationRun.objects.filter(protocol=protocol).exclude(state__in=[State.FAILED, State.CANCELLED])
    sites = sites_with(viewer, Permission.QUANTIFICATION_REPEAT, protocol.study)
    return (
        Spectrum.objects.filter(
            session__participant__site__in=sites, kind="metabolite", status=Spectrum.Status.STORED
        )
        .exclude(pk__in=living.values("spectrum"))
        .count()
    )  # fmt: skip


def _batches(study: Study) -> QuerySet[Requantification]:
    return (
        Requantification.objects.filter(protocol__study=study)
        .select_related("protocol__study", "requested_by", "cancelled_by")
        .prefetch_related("runs")
        .order_by("-requested_at", "pk")
    )


def _progress(batch: Requantification) -> Progress:
    counts = Counter(run.state for run in batch.runs.all())
    return Progress(
        batch=batch, total=counts.total(), queued=counts[State.QUEUED],
        running=sum(counts[state] for state in QuantificationRun.ACTIVE), done=counts[State.DONE],
        failed=counts[State.FAILED], cancelled=counts[State.CANCELLED],
    )  # fmt: skip
