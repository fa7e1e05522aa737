"""Who takes the place of a participant who withdrew, arranged at the vault before the newcomer is randomized.

By the next row, which is the default, the newcomer is randomized like anybody. Mirrored, the newcomer gets a slot with
the sequence of the one who left: outside every committed list, with a random number of its own, sealed like any other.
The site randomizes the newcomer in the usual way and cannot tell which it was; nor do counters of the tables, since a
slot is made for either way.
"""

import datetime
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from participants.models import Participant
from sessions.allocation.minimization_models import Replacement
from sessions.allocation.models import Allocation, ListSlot, RandomizationList, Stratum
from sessions.allocation.sealing import seal
from sessions.allocation.services import open_slot, slot_info
from sessions.policies import stratum_of
from sessions.randomization.generate import NONCE_BYTES
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study

OUTSIDE = "replacement"
"""Method and stratum of the slots outside every list; they hang on a list that is closed and never committed."""
NOT_USED = "-"
ARRANGED = "replacement arranged"


@dataclass(frozen=True, slots=True)
class ReplacementRow:
    """One arrangement as the vault shows it."""

    replaced: str
    participant: str
    site: str
    is_mirrored: bool
    reason: str
    arranged_by: str
    arranged_at: datetime.datetime
    state: str


def replacements_for(viewer: User, study: Study) -> list[ReplacementRow]:
    """Every arrangement of the viewer's sites, the latest first.

    Raises:
        NotPermitted: the viewer's role does not include replacements.
    """
    check(viewer, Permission.REPLACEMENT_ARRANGE, study)
    sites = sites_with(viewer, Permission.REPLACEMENT_ARRANGE, study)
    found = Replacement.objects.filter(study=study, participant__site__in=sites)
    return [
        ReplacementRow(
            replaced=one.replaced.number, participant=one.participant.number, site=str(one.participant.site),
            is_mirrored=one.is_mirrored, reason=one.reason, arranged_by=one.arranged_by.full_name,
            arranged_at=one.arranged_at, state=one.participant.get_status_display(),
        )
        for one in found.select_related("replaced", "participant__site", "arranged_by")
    ]  # fmt: skip


def who_can_be_replaced(viewer: User, study: Study) -> list[Participant]:
    """Participants of the viewer's sites who were randomized, withdrew, and whom nobody replaces."""
    sites = sites_with(viewer, Permission.REPLACEMENT_ARRANGE, study)
    left = Participant.objects.filter(study=study, site__in=sites, status=Participant.Status.WITHDRAWN)
    allocated = set(Allocation.objects.filter(participant__in=left).values_list("participant", flat=True))
    return [
        one
        for one in left.select_related("site").order_by("number")
        if one.pk in allocated and _replacing(one.pk) is None
    ]


def who_can_replace(viewer: User, study: Study) -> list[Participant]:
    """Participants of the viewer's sites in screening who replace nobody yet."""
    sites = sites_with(viewer, Permission.REPLACEMENT_ARRANGE, study)
    taken = Replacement.objects.filter(study=study).values("participant")
    found = Participant.objects.filter(study=study, site__in=sites, status=Participant.Status.SCREENING)
    return list(found.exclude(pk__in=taken).select_related("site").order_by("number"))


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A newcomer who shares the sequence of the one who left, and the slot outside every committed list."""

    replaced_id: UUID
    participant_id: UUID
    slot: ListSlot


def mirrored_in(study: Study) -> list[Mirrored]:
    """Return who shares a sequence by a mirrored replacement: for contagion after a reveal, and for the bundle."""
    found = Replacement.objects.filter(study=study, is_mirrored=True).select_related("slot__stratum")
    return [Mirrored(one.replaced_id, one.participant_id, one.slot) for one in found.order_by("arranged_at")]


def sharing_in(study: Study) -> dict[str, tuple[str, ...]]:
    """Return, for each participant's number, everybody who got the same sequence by mirrored replacements."""
    came_in = Allocation.objects.filter(slot__stratum__list__study=study).values("participant")
    found = Replacement.objects.filter(study=study, is_mirrored=True, participant__in=came_in).order_by("arranged_at")
    groups: list[list[str]] = []
    for left, came in found.values_list("replaced__number", "participant__number"):
        group = next((own for own in groups if left in own), None)
        if group is None:
            groups.append([left, came])
        else:
            group.append(came)
    return {one: tuple(other for other in own if other != one) for own in groups for one in own}


@transaction.atomic
def arrange(
    *, study: Study, replaced: UUID, participant: UUID, is_mirrored: bool, reason: str, password: str, by: User
) -> Replacement:
    """Arrange that a participant in screening replaces one who withdrew; for good, as an allocation is.

    The announcement is committed before the slot of the one who left is opened.

    Raises:
        NotPermitted: the person may not arrange replacements.
        InvalidInput: the password does not match, the reason is missing, or the two do not go together; says why.
        InvalidState: an uploaded list brought its own numbers, so that a drawn one would stand out.
    """
    check(by, Permission.REPLACEMENT_ARRANGE, study)
    if not reason.strip():
        raise InvalidInput("Give the reason.", fields={"reason": "Say why the participant is replaced."})
    signatures.check_password(by, password)
    # One arrangement at a time in a study: so nobody is replaced twice.
    Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    sites = sites_with(by, Permission.REPLACEMENT_ARRANGE, study)
    both = Participant.objects.select_for_update().filter(study=study, site__in=sites, pk__in=(replaced, participant))
    found = {one.pk: one for one in both.order_by("pk")}
    leaver, newcomer = found.get(replaced), found.get(participant)
    left = _allocation_of(leaver)
    if leaver is None or newcomer is None or left is None:
        raise InvalidInput("Choose who was randomized and withdrew, and who replaces.", fields=_choose(left, newcomer))
    if fields := _refusals(leaver, left, newcomer):
        raise InvalidInput("These two do not go together.", fields=fields)
    events.record_now(
        ARRANGED, study=study.code, target=newcomer.number,
        data={"replaces": leaver.number, "way": "mirrored" if is_mirrored else "next row", "reason": reason.strip()},
    )  # fmt: skip
    number = _fresh_number(study, left.slot.number, is_mirrored=is_mirrored)
    code = open_slot(left.slot).sequence if is_mirrored else NOT_USED
    return Replacement.objects.create(
        study=study, replaced=leaver, participant=newcomer, is_mirrored=is_mirrored, reason=reason.strip(),
        slot=_outside_slot(*_holder(study, by), number, code), arranged_by=by,
    )  # fmt: skip


def _allocation_of(leaver: Participant | None) -> Allocation | None:
    return Allocation.objects.filter(participant=leaver).select_related("slot__stratum").first() if leaver else None


def _choose(left: Allocation | None, newcomer: Participant | None) -> dict[str, str]:
    fields = {} if left else {"replaced": "Choose a participant who was randomized and withdrew."}
    return fields if newcomer else fields | {"participant": "Choose a participant in screening."}


def _refusals(leaver: Participant, left: Allocation, newcomer: Participant) -> dict[str, str]:
    fields = {}
    if leaver.status != Participant.Status.WITHDRAWN:
        fields["replaced"] = f"{leaver.number} has not withdrawn."
    elif (other := _replacing(leaver.pk)) is not None:
        fields["replaced"] = f"{leaver.number} is replaced by {other.number} already."
    if newcomer.randomization_number or Allocation.objects.filter(participant=newcomer).exists():
        fields["participant"] = f"{newcomer.number} is randomized already."
    elif newcomer.status != Participant.Status.SCREENING:
        fields["participant"] = f"{newcomer.number} is no longer in screening."
    elif Replacement.objects.filter(participant=newcomer).exists():
        fields["participant"] = f"{newcomer.number} replaces somebody already."
    elif newcomer.site_id != leaver.site_id or stratum_of(newcomer) != left.stratum_key:
        fields["participant"] = f"{newcomer.number} belongs to another site or stratum than {leaver.number}."
    return fields


def _replacing(leaver_id: UUID) -> Participant | None:
    """Return who replaces a participant; whoever left before being randomized does not count."""
    for one in Replacement.objects.filter(replaced=leaver_id).select_related("participant"):
        is_open = one.participant.status == Participant.Status.SCREENING
        if is_open or Allocation.objects.filter(participant=one.participant).exists():
            return one.participant
    return None


def put_aside(beside: ListSlot) -> None:
    """Make a slot that nobody takes, where a mirrored newcomer takes `beside`: as many are made as for anybody."""
    holder = beside.stratum.list
    number = _fresh_number(holder.study, beside.number, is_mirrored=False)
    _outside_slot(holder, beside.stratum, number, NOT_USED)


def _fresh_number(study: Study, like: str, *, is_mirrored: bool) -> str:
    """Return a number of the same form as the study's, drawn from the same range and new."""
    is_drawn = re.fullmatch(r"R-[1-9]\d{3,}", like) is not None
    if is_mirrored and not is_drawn:
        raise InvalidState(
            "The uploaded list brought its own numbers, so a drawn one would stand out. Use the next row of the list."
        )
    lowest = 10 ** (len(like) - 3) if is_drawn else 1000
    taken = set(ListSlot.objects.filter(stratum__list__study=study).values_list("number", flat=True))
    while (number := f"R-{lowest + secrets.randbelow(9 * lowest)}") in taken:
        pass
    return number


def _holder(study: Study, by: User) -> tuple[RandomizationList, Stratum]:
    """Return the closed list that the slots outside every list hang on; made with the first of them."""
    holder = RandomizationList.objects.filter(study=study, method=OUTSIDE).first()
    if holder is None:
        holder = RandomizationList.objects.create(
            study=study, position=0, state=RandomizationList.State.CLOSED, method=OUTSIDE, parameters={},
            drafted_by=by, closed_by=by, closed_at=clock.now(), closed_reason="Holds the slots outside every list.",
        )  # fmt: skip
    head, _ = Stratum.objects.get_or_create(list=holder, key=OUTSIDE)
    return holder, head


def _outside_slot(holder: RandomizationList, head: Stratum, number: str, code: str) -> ListSlot:
    """Seal and write a slot; outside a list the places have no order, so each gets a random one."""
    ordinal = 1 + secrets.randbelow(2**31 - 1)
    payload = secrets.token_bytes(NONCE_BYTES) + code.encode()
    sealed = seal(payload, slot_info(holder.pk, head.key, ordinal, number))
    return ListSlot.objects.create(stratum=head, ordinal=ordinal, number=number, sealed=sealed)
