"""Third-party delivery, opened at the vault: link and code together, once, within the hour, the trail first."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import F

from participants.models import Participant
from sessions.allocation.delivery import digest
from sessions.allocation.emergency import SHOWN_FOR, ReasonCode, treatments_of
from sessions.allocation.models import Allocation
from sessions.allocation.selectors import UNBLINDED
from sessions.allocation.services import open_slot
from sessions.allocation.unblinding_models import DeliveryRequest
from sessions.allocation.unblinding_notice import tell_of_unblinding
from studyportal import clock
from studyportal.audit import events
from studyportal.errors import InvalidInput, NotFound

MOST_TRIES = 5
GONE = (
    "This link opens nothing: it was used, its hour is over, or the code was wrong too often. The colleague who asked "
    "can ask again."
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the recipient reads."""

    participant: Participant
    recipient: str
    sequence: str
    treatments: tuple[tuple[int, str], ...]
    at: datetime.datetime


def waiting_behind(link: str) -> DeliveryRequest:
    """Return what a link can still open.

    Raises:
        NotFound: nothing, or no longer.
    """
    found = (
        DeliveryRequest.objects.select_related("participant__study", "participant__site", "requested_by", "study")
        .filter(
            link_digest=digest(link), opened_at__isnull=True, expires_at__gt=clock.now(), failed_tries__lt=MOST_TRIES
        )
        .first()
    )
    if found is None:
        raise NotFound(GONE)
    return found


def deliver(*, link: str, code: str) -> UUID:
    """Use the link up and return whose it was; the announcement is committed before anything is opened.

    A wrong code is counted in the caller's transaction, which a refusal does not take back.

    Raises:
        NotFound: the link opens nothing.
        InvalidInput: the code is wrong.
    """
    asked = waiting_behind(link)
    typed = "".join(character for character in code if character.isdigit())
    if digest(typed) != asked.code_digest:
        DeliveryRequest.objects.filter(pk=asked.pk).update(failed_tries=F("failed_tries") + 1)
        left = MOST_TRIES - asked.failed_tries - 1
        said = f"{left} more wrong codes close the link." if left else "The link is closed. Phone the colleague."
        raise InvalidInput("The code does not match.", fields={"code": f"The code does not match. {said}"})
    with transaction.atomic():
        used = DeliveryRequest.objects.filter(pk=asked.pk, opened_at__isnull=True).update(opened_at=clock.now())
        if not used:
            raise NotFound(GONE)
        events.record_now(
            UNBLINDED, study=asked.study.code, target=str(asked.participant_id),
            data={"reason_code": asked.reason_code, "reason": asked.reason, "recipient": asked.recipient_name,
                  "asked_by": asked.requested_by.username},
        )  # fmt: skip
        tell_of_unblinding(
            asked.participant, reason_words=ReasonCode(asked.reason_code).public_words,
            who=f"Told to {asked.recipient_name}, as {asked.requested_by.full_name} asked.",
            recorded_by=asked.requested_by, at=clock.now(),
        )  # fmt: skip
    return asked.pk


def delivered(request_id: UUID) -> Delivered:
    """Return what was delivered a moment ago, for the browser that opened it.

    Raises:
        NotFound: it is no longer shown.
    """
    asked = (
        DeliveryRequest.objects.select_related("participant__study", "participant__site", "study")
        .filter(pk=request_id, opened_at__gt=clock.now() - SHOWN_FOR)
        .first()
    )
    if asked is None or asked.opened_at is None:
        raise NotFound("This page is no longer shown. The colleague who asked can ask again.")
    allocation = Allocation.objects.select_related("slot__stratum").get(participant_id=asked.participant_id)
    code = open_slot(allocation.slot).sequence
    treatments = treatments_of(asked.study, code)
    return Delivered(asked.participant, asked.recipient_name, code, treatments, asked.opened_at)
