"""The study's progress for blinded people: recruitment, completeness, windows, and quality for those who watch it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from sessions.models import AssessmentSchedule, Period, QuantificationRun, Spectrum
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, refusal, sites_with
from studyportal.errors import NotFound
from studyportal.reports import datasets
from studyportal.reports.figures import Figure
from studyportal.reports.progress_figures import (
    Plan,
    Window,
    madrs_windows,
    quality_figures,
    recruitment_figure,
    washouts,
)
from studyportal.reports.rows import MadrsRow, SessionRow
from studyportal.studies.models import Site, Study


@dataclass(frozen=True, slots=True)
class Cell:
    """How many of the sessions held have the form."""

    done: int
    of: int

    @property
    def level(self) -> str:
        """The shade behind the words."""
        if not self.of:
            return "none"
        return "full" if self.done >= self.of else "part" if self.done >= self.of * 0.8 else "low"


@dataclass(frozen=True, slots=True)
class SiteCount:
    """How many a site has randomized of its target."""

    code: str
    name: str
    randomized: int
    target: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What the page shows."""

    sites: tuple[SiteCount, ...]
    periods: tuple[int, ...]
    completeness: tuple[tuple[str, tuple[Cell, ...]], ...]
    windows: tuple[Window, ...]
    figures: tuple[Figure, ...]


def progress_for(viewer: User, study: Study) -> Progress:
    """Return the progress of the viewer's sites.

    Raises:
        NotPermitted: the viewer's role does not include reports.
    """
    sites = _sites(viewer, study)
    people = datasets.participant_rows(viewer, study)
    sessions, ratings = datasets.session_rows(viewer, study), datasets.madrs_rows(viewer, study)
    plan = _plan(study, sites)
    periods = tuple(Period.objects.filter(study=study).order_by("number").values_list("number", flat=True))
    randomized = Counter(one.site for one in people if one.randomized_at is not None)
    quality = _quality(viewer, study)
    return Progress(
        sites=tuple(SiteCount(code, name, randomized[code], target) for code, name, target in plan.sites),
        periods=periods,
        completeness=_completeness(study, sites, periods, sessions, ratings),
        windows=(madrs_windows(ratings), washouts(sessions, study.minimum_washout_days)),
        figures=(recruitment_figure(people, plan, clock.now().date()), *quality),
    )


def figure_for(viewer: User, study: Study, name: str) -> Figure:
    """Return one figure.

    Raises:
        NotPermitted: the viewer's role does not include reports.
        NotFound: there is none of this name for the viewer.
    """
    sites = _sites(viewer, study)
    if name == "recruitment":
        people = datasets.participant_rows(viewer, study)
        return recruitment_figure(people, _plan(study, sites), clock.now().date())
    found = next((figure for figure in _quality(viewer, study) if figure.name == name), None)
    if found is None:
        raise NotFound("There is no such figure.")
    return found


def _sites(viewer: User, study: Study) -> list[Site]:
    """Return the sites whose progress the viewer reports on; refuse who reports on none."""
    sites = list(sites_with(viewer, Permission.REPORT_VIEW, study))
    if not sites:
        raise refusal(Permission.REPORT_VIEW, study)
    return sites


def _plan(study: Study, sites: Sequence[Site]) -> Plan:
    """Return the recruitment plan of the viewer's sites; the whole study's target for those who see every site."""
    told = sorted((site.code, site.name, site.recruitment_target) for site in sites)
    sees_all = len(told) == study.sites.count()
    target = study.recruitment_target if sees_all else sum(site[2] for site in told)
    return Plan(study.recruitment_starts_on, study.recruitment_ends_on, target, tuple(told))


def _quality(viewer: User, study: Study) -> tuple[Figure, ...]:
    rows = datasets.quality_rows(viewer, study)
    # Rows come only to those who may see them; without any it is asked whether there could be some.
    if not rows and not can(viewer, Permission.SPECTRUM_QUALITY_VIEW, study):
        return ()
    return quality_figures(rows, study.mrs_primary_ratio)


def _completeness(
    study: Study,
    sites: Sequence[Site],
    periods: Sequence[int],
    sessions: Sequence[SessionRow],
    ratings: Sequence[MadrsRow],
) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    completed = {(one.participant, one.period) for one in sessions if one.status == "completed"}
    held = Counter(period for _, period in completed)
    planned = Counter(one.period for one in sessions)
    # A pre-dose rating is signed while its session still runs: it counts once the session is held, as the others do.
    signed = Counter((one.timepoint, one.period) for one in ratings if (one.participant, one.period) in completed)
    fitted = _fitted(sites)
    rows = [("Session held", tuple(Cell(held[period], planned[period]) for period in periods))]
    for assessment in AssessmentSchedule.objects.filter(study=study).order_by("position"):
        done = fitted if assessment.instrument == "MRS" else None
        cells = tuple(
            Cell(done[period] if done is not None else signed[assessment.timepoint, period], held[period])
            for period in periods
        )
        rows.append((assessment.label, cells))
    return tuple(rows)


def _fitted(sites: Sequence[Site]) -> Counter[int]:
    """Count the sessions with a quantified spectrum by period; that there is one says nothing about its values."""
    found = (
        Spectrum.objects.filter(
            session__participant__site__in=sites,
            kind="metabolite",
            session__status="completed",
            runs__state=QuantificationRun.State.DONE,
        )
        .exclude(status=Spectrum.Status.WITHDRAWN)
        .values_list("session__period__number")
        .annotate(Count("session", distinct=True))
    )
    return Counter(dict(found))
