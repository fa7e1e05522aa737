"""From unblinded rows to what the analyses take: a change per session, a pair per participant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from studyportal.reports.analysis import PairedOutcome, change
from studyportal.reports.rows import UnblindedMadrsRow, UnblindedQuantificationRow

INFUSION_STARTS_MINUTES = 0.0


@dataclass(frozen=True, slots=True)
class SessionChange:
    """What changed in one session: before and after, in the outcome's unit."""

    participant: str
    sex: str
    sequence: str
    period: int
    treatment: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """After minus before; on the MADRS negative is better."""
        return change(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Pair:
    """One participant's change under both treatments."""

    participant: str
    sex: str
    sequence: str
    reference: float
    interest: float
    outcome: PairedOutcome


def madrs_changes(rows: Iterable[UnblindedMadrsRow]) -> list[SessionChange]:
    """Return each session's MADRS total before the dose and on day 1; sessions that lack one are left out."""
    totals: dict[tuple[str, int], dict[str, int]] = {}
    frames: dict[tuple[str, int], UnblindedMadrsRow] = {}
    for row in rows:
        if row.total is not None:
            totals.setdefault((row.participant, row.period), {})[row.timepoint] = row.total
            frames[row.participant, row.period] = row
    return [
        SessionChange(
            participant=key[0], sex=frames[key].sex, sequence=frames[key].sequence, period=key[1],
            treatment=frames[key].treatment, before=own["pre_dose"], after=own["day_1"],
        )
        for key, own in sorted(totals.items())
        if {"pre_dose", "day_1"} <= set(own)
    ]  # fmt: skip


def usable_blocks(rows: Iterable[UnblindedQuantificationRow], ratio: str) -> list[UnblindedQuantificationRow]:
    """Return the blocks' values of a ratio that count: of runs under the signed analysis protocol, with a time."""
    return [
        row
        for row in rows
        if row.name == ratio
        and row.quantity == "ratio"
        and row.block is not None
        and row.value is not None
        and row.minutes_from_infusion is not None
        and row.is_counted
    ]


def middles(blocks: Iterable[UnblindedQuantificationRow]) -> dict[tuple[str, int, int], float]:
    """Return the minute of the infusion at each block's middle, by participant, period and block.

    Rows know when a block began; half of the session's mean step is added, as blocks follow each other at once.
    """
    begun: dict[tuple[str, int], dict[int, float]] = {}
    for row in blocks:
        begun.setdefault((row.participant, row.period or 0), {})[row.block or 0] = row.minutes_from_infusion or 0.0
    found: dict[tuple[str, int, int], float] = {}
    for (participant, period), own in begun.items():
        steps = max(own) - min(own)
        half = (own[max(own)] - own[min(own)]) / steps / 2 if steps else 0.0
        found |= {(participant, period, block): minute + half for block, minute in own.items()}
    return found


def ratio_changes(blocks: Sequence[UnblindedQuantificationRow]) -> list[SessionChange]:
    """Return each session's mean over the blocks before the infusion's start and over those after it."""
    at = middles(blocks)
    by_session: dict[tuple[str, int], list[UnblindedQuantificationRow]] = {}
    for row in blocks:
        by_session.setdefault((row.participant, row.period or 0), []).append(row)
    found = []
    for (participant, period), own in sorted(by_session.items()):
        values: dict[bool, list[float]] = {True: [], False: []}
        for row in own:
            is_before = at[participant, period, row.block or 0] < INFUSION_STARTS_MINUTES
            values[is_before].append(row.value or 0.0)
        if values[True] and values[False]:
            found.append(
                SessionChange(
                    participant=participant, sex=own[0].sex, sequence=own[0].sequence, period=period,
                    treatment=own[0].treatment, before=fmean(values[True]), after=fmean(values[False]),
                )
            )  # fmt: skip
    return found


def pairs(changes: Iterable[SessionChange], *, reference: str, interest: str) -> list[Pair]:
    """Return the participants with both periods, in order of their numbers."""
    by_participant: dict[str, dict[str, SessionChange]] = {}
    for one in changes:
        by_participant.setdefault(one.participant, {})[one.treatment] = one
    found = []
    for participant, own in sorted(by_participant.items()):
        if {reference, interest} <= set(own):
            one, other = own[reference], own[interest]
            first, second = (other, one) if other.period < one.period else (one, other)
            outcome = PairedOutcome(first.change, second.change, treated_first=first is other)
            found.append(Pair(participant, one.sex, one.sequence, one.change, other.change, outcome))
    return found
