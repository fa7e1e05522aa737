"""Reads at the unblinded door about lists, allocations and reveals, always for somebody; never a slot's sequence."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Count, Prefetch, QuerySet

from participants.models import Participant
from sessions.allocation.models import Allocation, RandomizationList, Stratum
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.audit.models import Event
from studyportal.errors import NotFound
from studyportal.studies.models import Study

UNBLINDED = "participant unblinded"
PROOF = "slot proof made"
REVEALS = {
    "sequences revealed": "All sequences opened",
    UNBLINDED: "One participant revealed",
    "list examined": "List opened for its checks",
    "acceptance report opened": "Acceptance report printed",
    PROOF: "Proof of one slot made",
    "full reveal announced": "Full reveal announced",
    "full reveal confirmed": "Full reveal confirmed",
    "full reveal opened": "All lists opened for the bundle",
    "unblinded report viewed": "Unblinded report viewed",
    "unblinded data pulled": "Unblinded data pulled",
    "replacement arranged": "Replacement arranged",
    "kit contents opened": "Contents of kits opened",
    "contagion examined": "Worked out who else becomes deducible",
    "planned unblinding begun": "Planned unblinding: first of two people",
    "planned unblinding": "Planned unblinding: all allocations opened",
}
"""Events of the view log, each with the words of the screen."""
STEPS = ("drafted", "generated", "accepted", "approved", "published", "activated", "closed")
"""What happens to a list, in this order; each has a person and a time."""


@dataclass(frozen=True, slots=True)
class AllocationRow:
    """A randomized participant as the pharmacist finds one: number, place and time, no sequence."""

    participant_id: UUID
    participant: str
    site: str
    randomization_number: str
    allocated_at: datetime.datetime
    revealed_at: datetime.datetime | None


@dataclass(frozen=True, slots=True)
class Reveal:
    """One line of the view log; `times` counts equal acts of one person within the same minute."""

    at: datetime.datetime
    actor: str
    words: str
    target: str
    reason: str
    times: int


@dataclass(frozen=True, slots=True)
class StratumFill:
    """How many slots a stratum was made with, and how many are left."""

    key: str
    slots: int
    left: int


def lists_for(viewer: User, study: Study) -> QuerySet[RandomizationList]:
    """Lists of a study, the latest first, with the number of their slots and of those taken.

    Raises:
        NotPermitted: the viewer's role does not include lists.
    """
    check(viewer, Permission.LIST_VIEW, study)
    return (
        RandomizationList.objects.filter(study=study, position__gt=0)  # 0: slots outside every list, `replacement.py`
        .select_related("study", *(f"{step}_by" for step in STEPS))
        .prefetch_related(Prefetch("strata", Stratum.objects.annotate(slots_made=Count("slots")).order_by("key")))
        .annotate(slots=Count("strata__slots"), allocated=Count("strata__slots__allocation"))
        .order_by("-position")
    )


def list_for(viewer: User, study: Study, pk: UUID) -> RandomizationList:
    """Return one list.

    Raises:
        NotPermitted: the viewer's role does not include lists.
        NotFound: there is none of this key in the study.
    """
    found = lists_for(viewer, study).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such list in this study.")
    return found


def allocations_for(viewer: User, study: Study) -> list[AllocationRow]:
    """Randomized participants of the viewer's sites, the latest first.

    Raises:
        NotPermitted: the viewer's role does not include allocations.
    """
    check(viewer, Permission.ALLOCATION_VIEW, study)
    revealed = dict(Event.objects.filter(study=study.code, name=UNBLINDED).order_by("at").values_list("target", "at"))
    found = Allocation.objects.filter(
        slot__stratum__list__study=study,
        participant__site__in=sites_with(viewer, Permission.ALLOCATION_VIEW, study),
    ).select_related("participant__site", "slot")
    return [
        AllocationRow(
            participant_id=one.participant_id, participant=one.participant.number, site=str(one.participant.site),
            randomization_number=one.slot.number, allocated_at=one.participant.randomized_at or one.allocated_at,
            revealed_at=revealed.get(str(one.participant_id)),
        )
        for one in found.order_by("-allocated_at")
    ]  # fmt: skip


def reveals_for(viewer: User, study: Study, *, limit: int) -> list[Reveal]:
    """The latest reveals, examinations and unblinded views of the study, newest first.

    Raises:
        NotPermitted: the viewer's role does not include the view log.
    """
    check(viewer, Permission.REVEAL_LOG_VIEW, study)
    found = list(Event.objects.filter(study=study.code, name__in=REVEALS).order_by("-at")[:limit])
    of_one = {UNBLINDED, PROOF, "contagion examined"}
    targets = {event.target for event in found if event.name in of_one} - {"whole study"}
    numbers = {
        str(pk): number
        for pk, number in Participant.objects.filter(study=study, pk__in=targets).values_list("pk", "number")
    }
    names = dict(
        User.objects.filter(username__in={_username(event) for event in found}).values_list("username", "full_name")
    )
    folded: list[Reveal] = []
    for event, reason in _by_request(found):
        actor = _username(event)
        line = Reveal(
            at=event.at, actor=names.get(actor, actor), words=REVEALS[event.name],
            target=numbers.get(event.target, event.target), reason=reason, times=1,
        )  # fmt: skip
        if folded and _is_repeat(folded[-1], line):
            line = replace(line, times=folded.pop().times + 1)
        folded.append(line)
    return folded


def short_strata(lists: Iterable[RandomizationList]) -> list[StratumFill]:
    """Return the strata that run out over all active lists of `lists_for`: 20 % or five slots left (R7)."""
    whole: dict[str, StratumFill] = {}
    for made in lists:
        for fill in fill_of(made) if made.state == RandomizationList.State.ACTIVE else ():
            before = whole.get(fill.key, StratumFill(fill.key, 0, 0))
            whole[fill.key] = StratumFill(fill.key, before.slots + fill.slots, before.left + fill.left)
    return [fill for key, fill in sorted(whole.items()) if fill.left <= max(5, fill.slots * 0.2)]


def fill_of(made: RandomizationList) -> list[StratumFill]:
    """Return how far each stratum of a list of `lists_for` is used up; for those who make lists only."""
    return [
        StratumFill(key=stratum.key, slots=stratum.slots_made, left=stratum.slots_made - stratum.taken)  # type: ignore[attr-defined]  # annotated in lists_for
        for stratum in made.strata.all()
    ]


def _username(event: Event) -> str:
    return str(event.data.get("recipient") or event.actor.removeprefix("user:"))


def _by_request(found: Sequence[Event]) -> list[tuple[Event, str]]:
    """Return one event a request, the first of them, with the reason that any of them gives; newest first."""
    requests: dict[str, list[Event]] = {}
    for event in found:
        requests.setdefault(event.request_id or str(event.pk), []).append(event)
    return [
        (own[-1], next((str(event.data["reason"]) for event in own if event.data.get("reason")), ""))
        for own in requests.values()
    ]


def _is_repeat(later: Reveal, earlier: Reveal) -> bool:
    """Whether two neighbouring lines say the same: a report and the figures that its page fetches are one look."""
    same = (later.actor, later.words) == (earlier.actor, earlier.words)
    is_look = later.words == REVEALS["unblinded report viewed"]
    same = same and (is_look or (later.target, later.reason) == (earlier.target, earlier.reason))
    return same and (later.at - earlier.at) < datetime.timedelta(minutes=1)
