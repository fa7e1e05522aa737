"""Who else becomes deducible by a reveal: counted before it is made, listed and dated afterwards.

Everything allocated is opened in memory for this, so each look is in the trail before it. The reasoning itself is
`sessions.randomization.contagion`, by the worst case; what follows from packages comes from `PACKAGE_SOURCES`.
"""

import datetime
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sessions.allocation.models import Allocation, RandomizationList
from sessions.allocation.policies import sequences_of
from sessions.allocation.replacement import OUTSIDE, sharing_in
from sessions.allocation.selectors import UNBLINDED
from sessions.allocation.services import open_slot
from sessions.models import SequencePeriod
from sessions.randomization import Allocated, Deduction, Dispensed, Method, Reveal, Trial, deductions
from sessions.randomization.contagion import Why
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, check
from studyportal.audit import events
from studyportal.audit.models import Event
from studyportal.errors import StudyError
from studyportal.studies.models import Study

EXAMINED = "contagion examined"
PREPARED = "dispensing"
"""The reason code of a pharmacist who prepares a dose: it stays within the vault, so nothing is deduced from it."""

PackageSource = Callable[[Study], Sequence[Dispensed]]
PACKAGE_SOURCES: list[PackageSource] = []
"""Who dispenses packages adds a function here that lists those of which a label tells the lot; numbers as in the trail
of participants."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What one more reveal would give away. `others` is None where it cannot be worked out; that holds nothing up.

    `names` are the participants' numbers, for those who may know of lists only.
    """

    others: int | None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deducible:
    """A participant whose treatment can be told, since when, and by whose reveal."""

    participant: str
    periods: tuple[int, ...]
    why: Why
    sentence: str
    revealed: str
    since: datetime.datetime


@dataclass(frozen=True, slots=True)
class _Opened:
    """One list's allocations, opened."""

    trial: Trial
    allocated_at: Mapping[str, datetime.datetime]


def consequence_of(study: Study, participant_id: UUID, *, by: User) -> Consequence:
    """Return what revealing a participant would give away beside the participant's own treatments.

    Raises:
        NotPermitted: the person may not unblind.
    """
    check(by, Permission.ALLOCATION_UNBLIND, study)
    events.record_now(EXAMINED, study=study.code, target=str(participant_id))
    allocation = Allocation.objects.select_related("slot__stratum__list", "participant").get(
        participant_id=participant_id, slot__stratum__list__study=study
    )
    try:
        found = _deduced(study, allocation)
    except (StudyError, ValueError):
        # An altered slot elsewhere or a list with a gap must not keep a physician from this participant's treatment.
        return Consequence(None)
    others = tuple(dict.fromkeys(name for name in found if name != allocation.participant.number))
    return Consequence(len(others), others if can(by, Permission.LIST_VIEW, study) else ())


def _deduced(study: Study, allocation: Allocation) -> list[str]:
    """Return who can be told by one reveal: within the list, and by the same sequence in a mirrored replacement."""
    sharing = sharing_in(study)
    own = allocation.participant.number
    found = [own, *sharing.get(own, ())]
    same = Allocation.objects.filter(participant__study=study, participant__number__in=found)
    for one in same.exclude(slot__stratum__list__method=OUTSIDE).select_related("slot__stratum__list", "participant"):
        opened = _opened(one.slot.stratum.list)
        told = deductions(opened.trial, Reveal(one.participant.number), _reveals(study, opened))
        found += [name for each in told for name in (each.participant, *sharing.get(each.participant, ()))]
    return found


def deducible_for(viewer: User, study: Study) -> list[Deducible]:
    """Return everybody who can be deduced by now, in the order of the reveals; the look is in the trail first.

    Raises:
        NotPermitted: the role does not include it.
        BlindingViolation: this process is not the vault, or a slot was altered or moved.
    """
    check(viewer, Permission.CONTAGION_VIEW, study)
    events.record_now(EXAMINED, study=study.code, target="whole study")
    return deducible_in(study)


def deducible_in(study: Study) -> list[Deducible]:
    """Return the same for a caller that has announced that everything is opened; nothing is opened without a reveal."""
    if not _revealed(study):
        return []
    found: list[Deducible] = []
    lists = RandomizationList.objects.filter(study=study, strata__taken__gt=0).exclude(method=OUTSIDE)
    for made in lists.distinct():
        opened = _opened(made)
        earlier: list[Reveal] = []
        for number, at in _revealed(study):
            for name in (number, *sharing_in(study).get(number, ())):
                if name not in opened.allocated_at:
                    continue
                told = deductions(opened.trial, Reveal(name), earlier)
                dated = [_dated(one, opened, number, at) for one in told]
                found += dated if name == number else [_shared(one, one.participant, at) for one in dated]
                earlier.append(Reveal(name))
    found += _outside(study, found)
    return sorted(found, key=lambda one: (one.since, one.participant))


def _outside(study: Study, found: Sequence[Deducible]) -> list[Deducible]:
    """Return who stands outside of every list and can be told: revealed, or with the sequence of somebody told."""
    outside = Allocation.objects.filter(participant__study=study, slot__stratum__list__method=OUTSIDE)
    since = dict(outside.values_list("participant__number", "allocated_at"))
    periods = tuple(study.periods.order_by("number").values_list("number", flat=True))
    own = [
        Deducible(number, periods, Why.REVEALED, Deduction(number, periods, Why.REVEALED).sentence, number, at)
        for number, at in _revealed(study)
        if number in since
    ]
    sharing = sharing_in(study)
    return own + [
        _shared(one, name, max(one.since, since[name]))
        for one in [*found, *own]
        for name in sharing.get(one.participant, ())
        if name in since and name != one.revealed
    ]


def _shared(one: Deducible, name: str, since: datetime.datetime) -> Deducible:
    """Return the same knowledge of somebody who has the same sequence."""
    if one.why is not Why.REVEALED and one.participant == name:
        return one
    told = Deduction(name, one.periods, Why.MIRRORED)
    return replace(one, participant=name, why=told.why, sentence=told.sentence, since=max(since, one.since))


def known_since(study: Study) -> dict[str, datetime.datetime]:
    """Return from when on each participant's treatment can be told, for a caller like that of `deducible_in`."""
    since: dict[str, datetime.datetime] = {}
    for one in deducible_in(study):
        since[one.participant] = min(one.since, since.get(one.participant, one.since))
    return since


def _dated(one: Deduction, opened: _Opened, revealed: str, at: datetime.datetime) -> Deducible:
    # Who was allocated after the reveal is deducible from the allocation on; the earliest moment is taken.
    since = max(at, opened.allocated_at[one.participant])
    return Deducible(one.participant, one.periods, one.why, one.sentence, revealed, since)


def _revealed(study: Study) -> list[tuple[str, datetime.datetime]]:
    """Return who was revealed to somebody outside of the preparation of doses, and when first."""
    numbers = {
        str(pk): number
        for pk, number in Allocation.objects.filter(slot__stratum__list__study=study).values_list(
            "participant_id", "participant__number"
        )
    }
    first: dict[str, datetime.datetime] = {}
    for target, at, data in (
        Event.objects.filter(study=study.code, name=UNBLINDED).order_by("at").values_list("target", "at", "data")
    ):
        if data.get("reason_code") != PREPARED and target in numbers:
            first.setdefault(numbers[target], at)
    return list(first.items())


def _reveals(study: Study, opened: _Opened) -> list[Reveal]:
    return [Reveal(number) for number, _ in _revealed(study) if number in opened.allocated_at]


def _opened(made: RandomizationList) -> _Opened:
    """Open what was allocated from a list. The caller has announced it in the trail."""
    gives: dict[str, list[str]] = defaultdict(list)
    for row in SequencePeriod.objects.filter(sequence__study=made.study).select_related("sequence", "treatment"):
        gives[row.sequence.code].append(row.treatment.code)
    allocations = list(
        Allocation.objects.filter(slot__stratum__list=made).select_related("slot__stratum", "participant")
    )
    people = {one.participant.number for one in allocations}
    trial = Trial(
        method=Method(made.method),
        parameters=made.parameters,
        sequences={code: tuple(gives[code]) for code in sequences_of(made.study)},
        allocated=[
            Allocated(
                one.participant.number, one.slot.stratum.key, one.slot.ordinal, open_slot(one.slot).sequence
            )
            for one in allocations
        ],
        dispensed=[one for source in PACKAGE_SOURCES for one in source(made.study) if one.participant in people],
    )  # fmt: skip
    return _Opened(trial, {one.participant.number: one.allocated_at for one in allocations})
