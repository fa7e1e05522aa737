"""Was the blind kept: guesses joined with what was given, James' and Bang's indices, in words, figure and table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from ratings.models import TreatmentGuess
from sessions.models import Treatment
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.reports import datasets
from studyportal.reports.analysis.blinding_index import DONT_KNOW, Index, bang, james
from studyportal.reports.figures import DASHES, ROLES, SHAPES, Figure, Table, axis, framed, scatter
from studyportal.studies.models import Study

GUESSERS = {"participant": "Participants", "rater": "Raters"}
FEWEST = 5
"""Of fewer answers about a treatment no verdict is given: the interval would be a guess itself."""
COLUMNS = (
    "Who guessed", "Period", "Index", "Given", "n", "Right", "Wrong", "Don't know", "Value", "95 % CI from", "to",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """The guesses of one kind of guesser about one period, by what was given; indices are None where undefined."""

    guesser: str
    period: int
    counts: Mapping[str, Mapping[str, int]]
    james: Index | None
    bang: Mapping[str, Index | None]

    @property
    def label(self) -> str:
        """The group as the figure names it."""
        return f"{GUESSERS[self.guesser]}, period {self.period}"

    def tally(self, given: str) -> tuple[int, int, int]:
        """Return how many of those who had a treatment guessed right, guessed wrong, or did not know."""
        counts = self.counts[given]
        right, unknown = counts.get(given, 0), counts.get(DONT_KNOW, 0)
        return right, sum(counts.values()) - right - unknown, unknown

    @property
    def sentence(self) -> str:
        """What the group shows, in words."""
        tallies = [self.tally(given) for given in self.counts]
        right, wrong, unknown = (sum(column) for column in zip(*tallies, strict=True))
        told = f"{self.label}: {right} right, {wrong} wrong, {unknown} did not know."
        for given, index in self.bang.items():
            if index is None or index.n < FEWEST:
                told += f" After {given}: too few to judge."
            elif index.lower > 0:
                told += f" After {given} more were right than by chance ({_interval(index)}): the blind may be broken."
            elif index.upper < 0:
                told += f" After {given} more were wrong than by chance ({_interval(index)})."
        if self.james is not None and self.james.n >= FEWEST and self.james.upper < 0.5:
            told += f" James' index {_interval(self.james)} lies below 0.5: the blind counts as broken."
        return told


def blinding_figure(viewer: User, study: Study) -> Figure:
    """Return the indices; that they were looked at is committed before a link is opened.

    Raises:
        NotPermitted: the viewer's role does not include the unblinded report.
    """
    check(viewer, Permission.UNBLINDED_REPORT_VIEW, study)
    events.record_now("unblinded report viewed", study=study.code, target="blinding indices")
    links = datasets.open_links(viewer, study, reason="unblinded report, blinding indices")
    treatments = list(Treatment.objects.filter(study=study).order_by("code").values_list("name", flat=True))
    groups = groups_of(study, links, treatments)
    return Figure(
        name="blinding",
        title="Blinding: Bang's index by what was given",
        finding=" ".join(one.sentence for one in groups) or "Nobody has been asked for a guess yet.",
        table=Table(COLUMNS, tuple(row for one in groups for row in _rows(one))),
        plot=(lambda: _plot(groups, treatments)) if any(any(one.bang.values()) for one in groups) else None,
        notes=(
            "Bang's index: 1 everybody right, 0 as by chance, −1 everybody wrong, for those given each treatment.",
            "James' index (table): 0 everybody right, 0.5 as by chance, 1 nobody knew. Bars: 95 % intervals.",
            "Each guess counts as one of another person: where a rater guessed often, intervals are too narrow.",
            "The periods are not added up, as one person guessed in both.",
        ),
        is_tall=True,
    )


def groups_of(study: Study, links: datasets.Links, treatments: Sequence[str]) -> list[Group]:
    """Return the guesses about randomized participants in groups, participants first, in the order of the periods."""
    found: dict[tuple[str, int], dict[str, Counter[str]]] = {}
    asked = TreatmentGuess.objects.filter(session__participant__study=study).values_list(
        "guesser", "session__period__number", "session__participant__number", "treatment__name"
    )
    for guesser, period, participant, named in asked:
        sequence = links.sequences.get(participant)
        if sequence is not None:
            counts = found.setdefault((guesser, period), {name: Counter() for name in treatments})
            counts[links.treatments[sequence, period]][named or DONT_KNOW] += 1
    return [Group(guesser, period, counts, _james(counts), _bang(counts)) for (guesser, period), counts in
            sorted(found.items())]  # fmt: skip


def _james(counts: Mapping[str, Mapping[str, int]]) -> Index | None:
    try:
        return james(counts)
    except ValueError:  # undefined where everybody who guessed named the same and was right
        return None


def _bang(counts: Mapping[str, Mapping[str, int]]) -> Mapping[str, Index | None]:
    return bang(counts) if len(counts) == 2 else {}  # defined for two treatments


def _rows(group: Group) -> list[tuple[str | int | float | None, ...]]:
    who = (GUESSERS[group.guesser], group.period)
    tallies = [group.tally(given) for given in group.counts]
    everybody = tuple(sum(column) for column in zip(*tallies, strict=True))
    rows: list[tuple[str | int | float | None, ...]] = [
        (*who, "Bang", given, sum(group.tally(given)), *group.tally(given), *_numbers(index))
        for given, index in group.bang.items()
    ]
    return [*rows, (*who, "James", "all", sum(everybody), *everybody, *_numbers(group.james))]


def _numbers(index: Index | None) -> tuple[float | None, float | None, float | None]:
    if index is None:
        return (None, None, None)
    return (round(index.value, 3), round(index.lower, 3), round(index.upper, 3))


def _interval(index: Index) -> str:
    return f"{index.value:.2f}, 95 % CI {index.lower:.2f} to {index.upper:.2f}".replace("-", "−")


def _plot(groups: Sequence[Group], treatments: Sequence[str]) -> go.Figure:
    traces = []
    for order, given in enumerate(treatments):
        known = [(place, index) for place, one in enumerate(groups) if (index := one.bang.get(given)) is not None]
        traces.append(
            scatter(
                ROLES[order], x=[index.value for _, index in known],
                y=[place + (-0.12, 0.12)[order] for place, _ in known], mode="markers+text",
                name=given, cliponaxis=False, text=[given] * len(known),
                textposition=("top center", "bottom center")[order],
                marker={"symbol": SHAPES[order], "size": 12}, line={"dash": DASHES[order]},
                error_x={
                    "type": "data", "symmetric": False, "thickness": 2, "width": 6,
                    "array": [index.upper - index.value for _, index in known],
                    "arrayminus": [index.value - index.lower for _, index in known],
                },
                hovertemplate=f"{given}: %{{x:.2f}}<extra></extra>",
            )
        )  # fmt: skip
    return framed(
        traces,
        shapes=[{"type": "line", "xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1,
                 "line": {"width": 1, "dash": "dot"}, "layer": "below"}],
        margin={"t": 24, "b": 56, "l": 180, "r": 48},
        xaxis=axis("Bang's index (right minus wrong)", range=[-1.15, 1.15]),
        yaxis={"tickvals": list(range(len(groups))), "ticktext": [one.label for one in groups],
               "range": [len(groups) - 0.4, -0.6], "showgrid": False, "zeroline": False},
    )  # fmt: skip
