"""The unblinded report: the link opened once, the trail first, then the figures."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sessions.models import PlannedDose, Sequence, Treatment
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState, NotFound
from studyportal.reports import datasets
from studyportal.reports.datasets import Links
from studyportal.reports.figures import Figure
from studyportal.reports.unblinded_figures import Design, course_figure, madrs_figure, response_figure
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows: how many have which sequence, and the figures."""

    allocated: int
    by_sequence: tuple[tuple[str, int], ...]
    figures: tuple[Figure, ...]


Maker = Callable[[Study, Links, Design], Figure]


def _madrs(study: Study, links: Links, design: Design) -> Figure:
    return madrs_figure(datasets.unblinded_madrs_rows(study, links), design)


def _course(study: Study, links: Links, design: Design) -> Figure:
    return course_figure(datasets.unblinded_quantification_rows(study, links, name=design.ratio), design)


def _response(study: Study, links: Links, design: Design) -> Figure:
    return response_figure(datasets.unblinded_madrs_rows(study, links), design)


MAKERS: Mapping[str, Maker] = {"madrs": _madrs, "course": _course, "response": _response}


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
    return Design(
        reference=names[0], interest=names[1],
        sequences=tuple(Sequence.objects.filter(study=study).order_by("code").values_list("code", flat=True)),
        infusion_minutes=float(infusion.duration_minutes) if infusion else 0.0,
        ratio=study.mrs_primary_ratio, remission_threshold=study.remission_threshold,
    )  # fmt: skip


def report_for(viewer: User, study: Study) -> Report:
    """Return the whole report; that it was looked at is committed before anything is read.

    Raises:
        NotPermitted: the viewer's role does not include the unblinded report.
        InvalidState: the study does not compare exactly two treatments.
    """
    links, design = _opened(viewer, study, "whole report")
    counts = Counter(links.sequences.values())
    return Report(
        allocated=len(links.sequences),
        by_sequence=tuple((code, counts[code]) for code in design.sequences),
        figures=tuple(make(study, links, design) for make in MAKERS.values()),
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
    links, design = _opened(viewer, study, f"figure {name}")
    return MAKERS[name](study, links, design)


def _opened(viewer: User, study: Study, what: str) -> tuple[Links, Design]:
    check(viewer, Permission.UNBLINDED_REPORT_VIEW, study)
    design = design_of(study)
    events.record_now("unblinded report viewed", study=study.code, target=what)
    return datasets.open_links(viewer, study, reason=f"unblinded report, {what}"), design
