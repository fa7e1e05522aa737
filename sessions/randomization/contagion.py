"""Who else becomes deducible when somebody's treatment is revealed.

Everything that an outsider can reason from is put together until nothing new follows: the sequences that agree with a
known treatment, the method's structure within a stratum (`states`), and lots of which a label is enough to tell the
treatment once one package is known. The worst case is taken: whoever learnt of the reveal knows the method, its
settings, the order of allocation within the stratum, and every earlier reveal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sessions.randomization.designs import Sequences
from sessions.randomization.methods import Method
from sessions.randomization.states import Machine, deducible


class Why(StrEnum):
    """What a deduction rests on."""

    REVEALED = "revealed"
    OTHER_PERIOD = "other_period"
    STRATUM = "stratum"
    LOT = "lot"
    MIRRORED = "mirrored"


@dataclass(frozen=True, slots=True)
class Allocated:
    """A participant in the place of a stratum that was used for it."""

    participant: str
    stratum: str
    ordinal: int
    sequence: str


@dataclass(frozen=True, slots=True)
class Dispensed:
    """A package that a participant got in a period. Give only lots of one treatment whose number can be read on it."""

    participant: str
    period: int
    lot: str


@dataclass(frozen=True, slots=True)
class Reveal:
    """What was revealed of a participant: the treatment of one period, or everything when `period` is None."""

    participant: str
    period: int | None = None


@dataclass(frozen=True, slots=True)
class Deduction:
    """A participant whose treatment in some periods can now be told, and what that rests on."""

    participant: str
    periods: tuple[int, ...]
    why: Why

    @property
    def sentence(self) -> str:
        """What the unblinded monitor reads; it names no treatment."""
        told = " and ".join(str(period) for period in self.periods)
        periods = f"period{'s' if len(self.periods) > 1 else ''} {told}"
        reasons = {
            Why.REVEALED: "was revealed",
            Why.OTHER_PERIOD: "follows from the period that was revealed",
            Why.STRATUM: "follows from the other allocations of the stratum and the method",
            Why.LOT: "follows from a lot whose content became known",
            Why.MIRRORED: "is shared with another participant by a mirrored replacement",
        }
        return f"{self.participant}: the treatment of {periods} {reasons[self.why]}."


@dataclass(frozen=True, slots=True)
class Trial:
    """What is allocated and how; all of it known at the vault.

    Attributes
    ----------
    sequences
        Treatments by period for each sequence code, in the order in which the list was made.
    """

    method: Method
    parameters: Mapping[str, object]
    sequences: Sequences
    allocated: Sequence[Allocated]
    dispensed: Sequence[Dispensed] = ()


def deductions(trial: Trial, reveal: Reveal, earlier: Sequence[Reveal] = ()) -> list[Deduction]:
    """Return what became known by a reveal and was not known by the earlier ones, in the order of the allocations.

    Raises
    ------
    ValueError
        Somebody who was revealed is not allocated, or the places of a stratum are not 1, 2, 3, ...
    """
    before = _Knowledge(trial, earlier)
    after = _Knowledge(trial, [*earlier, reveal])
    found = []
    for one in trial.allocated:
        new = [
            (period, after.reason(one.participant, period))
            for period in after.told(one.participant)
            if period not in before.told(one.participant)
        ]
        for why in Why:
            periods = tuple(period for period, reason in new if reason is why)
            if periods:
                found.append(Deduction(one.participant, periods, why))
    return found


class _Knowledge:
    """The sequences that each participant can still have, after everything that follows has been drawn."""

    def __init__(self, trial: Trial, reveals: Sequence[Reveal]) -> None:
        self._codes = list(trial.sequences)
        self._rows = [trial.sequences[code] for code in self._codes]
        self._machine = Machine(trial.method, trial.parameters, self._codes)
        self._strata = _strata(trial.allocated)
        self._truth = {one.participant: self._codes.index(one.sequence) for one in trial.allocated}
        self._possible = {one: frozenset(range(len(self._codes))) for one in self._truth}
        self._why: dict[str, Why] = {}
        self._shown = {(reveal.participant, reveal.period) for reveal in reveals}
        for reveal in reveals:
            self._learn_reveal(reveal)
        self._close(trial.dispensed)

    def told(self, participant: str) -> list[int]:
        """Return the periods, from 1 on, in which all sequences that are left give the same treatment."""
        left = self._possible[participant]
        periods = range(1, len(self._rows[0]) + 1)
        return [period for period in periods if len({self._rows[code][period - 1] for code in left}) == 1]

    def reason(self, participant: str, period: int) -> Why:
        """Return what the knowledge of a period rests on."""
        if {(participant, None), (participant, period)} & self._shown:
            return Why.REVEALED
        return self._why[participant]

    def _learn_reveal(self, reveal: Reveal) -> None:
        if reveal.participant not in self._truth:
            msg = f"{reveal.participant} is not allocated"
            raise ValueError(msg)
        truth = self._truth[reveal.participant]
        if reveal.period is None:
            self._narrow(reveal.participant, frozenset({truth}), Why.REVEALED)
        else:
            self._narrow(reveal.participant, self._giving(reveal.period, truth), Why.OTHER_PERIOD)

    def _close(self, dispensed: Sequence[Dispensed]) -> None:
        """Draw every conclusion until none is new."""
        changed = True
        while changed:
            changed = self._by_strata()
            changed = self._by_lots(dispensed) or changed

    def _by_strata(self) -> bool:
        changed = False
        everything = frozenset(range(len(self._codes)))
        for people in self._strata.values():
            if all(self._possible[one] == everything for one in people):
                continue
            left = deducible(self._machine, [self._possible[one] for one in people])
            for one, codes in zip(people, left, strict=True):
                changed = self._narrow(one, codes, Why.STRATUM) or changed
        return changed

    def _by_lots(self, dispensed: Sequence[Dispensed]) -> bool:
        known = {one.lot for one in dispensed if one.period in self.told(one.participant)}
        changed = False
        for one in dispensed:
            if one.lot in known:
                same = self._giving(one.period, self._truth[one.participant])
                changed = self._narrow(one.participant, same, Why.LOT) or changed
        return changed

    def _giving(self, period: int, truth: int) -> frozenset[int]:
        """Return the sequences that give in this period what the true one gives."""
        treatment = self._rows[truth][period - 1]
        return frozenset(code for code, row in enumerate(self._rows) if row[period - 1] == treatment)

    def _narrow(self, participant: str, codes: frozenset[int], why: Why) -> bool:
        left = self._possible[participant] & codes
        if left == self._possible[participant]:
            return False
        self._possible[participant] = left
        self._why[participant] = why
        return True


def _strata(allocated: Sequence[Allocated]) -> dict[str, list[str]]:
    strata: dict[str, list[Allocated]] = {}
    for one in allocated:
        strata.setdefault(one.stratum, []).append(one)
    found = {}
    for key, people in strata.items():
        people.sort(key=lambda one: one.ordinal)
        if [one.ordinal for one in people] != list(range(1, len(people) + 1)):
            msg = f"the places of stratum {key} are not used from the first on, each once"
            raise ValueError(msg)
        found[key] = [one.participant for one in people]
    return found
