"""The unblinded report: the link opened once, the trail first, then the figures."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sessions.models import PlannedDose, Sequence, Treatment
from sessions.services.analysis_protocols import signed_of
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState, NotFound
from studyportal.reports import datasets
from studyportal.reports.datasets import Links
from studyportal.reports.figures import Figure
from studyportal.reports.rows import UnblindedMadrsRow, UnblindedQuantificationRow
from studyportal.reports.unblinded_figures import Design, course_figure, madrs_figure, response_figure
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows: how many have which sequence, and the figures."""

    allocated: int
    by_sequence: tuple[tuple[str, int], ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Opened:
    """The rows of one look at the report, each kind read once and only when a figure needs it."""

    study: Study
    links: Links
    design: Design

    @cached_property
    def madrs(self) -> list[UnblindedMadrsRow]:
        """Signed MADRS with what was given."""
        return datasets.unblinded_madrs_rows(self.study, self.links)

    @cached_property
    def ratios(self) -> list[UnblindedQuantificationRow]:
        """Estimates of the primary ratio with what was given."""
        return datasets.unblinded_counted_rows(self.study, self.links, self.design.ratio)


MAKERS: Mapping[str, Callable[[Opened], Figure]] = {
    "madrs": lambda opened: madrs_figure(opened.madrs, opened.design),
    "course": lambda opened: course_figure(opened.ratios, opened.design),
    "response": lambda opened: response_figure(opened.madrs, opened.design),
}


def design_of(study: Study) -> Design:
    """Return what the figures need of the design; a placebo is the reference, else the treatment whose code is first.

    Raises:
        InvalidState: the study does not compare exactly two treatments.
    """
    names = list(Treatment.objects.filter(study=study).order_by("code").values_list("name", flat=True))
    if len(names) != 2:
        raise InvalidState("This report compares two treatments; the study's design has another number of them.")
    names.sort(key=lambda name: "placebo" not in name.lower())
    infusion = PlannedDose.objects.filter(study=study, kind="infusion").first()
    signed = signed_of(study)
    return Design(
        reference=names[0], interest=names[1],
        sequences=tuple(Sequence.objects.filter(study=study).order_by("code").values_list("code", flat=True)),
        infusion_minutes=float(infusion.duration_minutes) if infusion else 0.0,
        ratio=study.mrs_primary_ratio, remission_threshold=study.remission_threshold,
        protocol_version=signed.version if signed else None,
    )  # fmt: skip


def report_for(viewer: User, study: Study) -> Report:
    """Return the whole report; that it was looked at is committed before anything is read.

    Raises:
        NotPermitted: the viewer's role does not include the unblinded report.
        InvalidState: the study does not compare exactly two treatments.
    """
    check(viewer, Permission.UNBLINDED_REPORT_VIEW, study)
    opened = _opened(viewer, study, "whole report")
    counts = Counter(opened.links.sequences.values())
    return Report(
        allocated=len(opened.links.sequences),
        by_sequence=tuple((code, counts[code]) for code in opened.design.sequences),
        figures=tuple(make(opened) for make in MAKERS.values()),
    )


def figure_for(viewer: User, study: Study, name: str) -> Figure:
    """Return one figure; that it was looked at is committed before anything is read.

    Raises:
        NotPermitted: the viewer's role does not include the unblinded report.
        NotFound: there is no figure of this name.
        InvalidState: the study does not compare exactly two treatments.
    """
    check(viewer, Permission.UNBLINDED_REPORT_VIEW, study)
    if name not in MAKERS:
        raise NotFound("There is no such figure.")
    return MAKERS[name](_opened(viewer, study, f"figure {name}"))


def _opened(viewer: User, study: Study, what: str) -> Opened:
    design = design_of(study)
    events.record_now("unblinded report viewed", study=study.code, target=what)
    return Opened(study, datasets.open_links(viewer, study, reason=f"unblinded report, {what}"), design)
