"""Third-party delivery, asked at the blinded door: the treatment goes to a named other clinician, never to who asks.

The link goes to the recipient by e-mail, the code to the requester, who reads it to the recipient over the phone; it
takes both to open the page at the vault, so neither a wrong address nor the requester alone learns anything. Here
nothing is opened, and nothing can be (ADR 20).
"""

import datetime
import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse

from participants.models import Participant
from sessions.allocation.emergency import SHORTEST_REASON, ReasonCode
from sessions.allocation.unblinding_models import LINK_LIVES, DeliveryRequest
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import BLINDED_ROLES, Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study

MEANING = "I ask that the treatment be told to the colleague named here, and not to me."
MOST_A_DAY = 3
REASONS = (ReasonCode.EMERGENCY, ReasonCode.SAFETY_REPORT, ReasonCode.OTHER)
TITLES = re.compile(r"\b(dr|prof|professor|doctor|mr|mrs|ms|mx|med|phd|md)\b\.?", re.IGNORECASE)
MAIL = """{requester} of the study {study} asks you, as a colleague outside of the study team, to take over the
treatment of participant {number} (site {site}) for which the study treatment must be known.

1. Phone {requester} and have the code of eight digits read to you.
2. Open {address}
3. Enter the code. The page shows the treatment to you alone.

The link works once and until {until}. Do not tell {requester} or anybody of the study team what you read: they stay
blinded. If you were not asked by phone, do nothing and tell {requester}.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A delivery that was asked for, with the code to read out; only its digest is kept."""

    request: DeliveryRequest
    code: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One line of the blinded door's list: that it was asked for and whether it was delivered, nothing else."""

    request_id: uuid.UUID
    participant: Participant
    asked_by: User
    asked_at: datetime.datetime
    recipient: str
    expires_at: datetime.datetime
    delivered_at: datetime.datetime | None

    @property
    def is_waiting(self) -> bool:
        """Whether the link still opens."""
        return self.delivered_at is None and clock.now() < self.expires_at


def digest(secret: str) -> str:
    """Return what is kept of a link's secret or a code."""
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def ask_for_delivery(
    *, participant: Participant, reason_code: str, reason: str, recipient_name: str, recipient_email: str,
    password: str, by: User,
) -> Asked:  # fmt: skip
    """Ask that a participant's treatment be told to somebody else; the link is on its way when this returns.

    Raises:
        NotPermitted: the role does not include it at this site.
        InvalidState: the participant is not randomized, too many were asked for today, or no mail can be sent.
        InvalidInput: something is missing, the recipient is of the blinded team, or the password does not match.
    """
    study = participant.study
    check(by, Permission.DELIVERY_REQUEST, study, participant.site)
    if not participant.randomization_number:
        raise InvalidState("This participant has not been randomized: there is no treatment to tell.")
    name, email = " ".join(recipient_name.split()), recipient_email.strip()
    fields = _faults(study, reason_code, reason, name, email)
    if name and _plain(name) == _plain(by.full_name):
        fields["recipient_name"] = "This is you. The treatment goes to somebody else, never to who asks."
    if email and email.casefold() == by.email.casefold():
        fields["recipient_email"] = "This is your own address. The treatment goes to somebody else."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    _refuse_too_many(study)
    signatures.check_password(by, password)
    link, code = secrets.token_urlsafe(32), f"{secrets.randbelow(10**8):08}"
    made, now = uuid.uuid4(), clock.now()
    signature = signatures.sign(
        by=by, meaning=MEANING, record_label="allocation.DeliveryRequest", record_id=made,
        content={"participant": participant.number, "reason_code": reason_code, "reason": reason, "recipient": name},
        time_zone=participant.site.time_zone,
    )  # fmt: skip
    asked = DeliveryRequest.objects.create(
        pk=made, study=study, participant=participant, requested_by=by, requested_at=now, signature=signature,
        reason_code=reason_code, reason=reason.strip(), recipient_name=name, recipient_email=email,
        link_digest=digest(link), code_digest=digest(code), expires_at=now + LINK_LIVES,
    )  # fmt: skip
    events.record("delivery asked", study=study.code, target=participant.number, data={"reason_code": reason_code})
    _send(asked, link)
    return Asked(asked, f"{code[:4]} {code[4:]}")


def deliveries_for(viewer: User, study: Study) -> list[DeliveryRow]:
    """Return what was asked for at the viewer's sites, the latest first.

    Raises:
        NotPermitted: the role may not know that an unblinding happened.
    """
    check(viewer, Permission.UNBLINDING_NOTICE_VIEW, study)
    sites = sites_with(viewer, Permission.UNBLINDING_NOTICE_VIEW, study)
    found = DeliveryRequest.objects.filter(study=study, participant__site__in=sites)
    return [
        DeliveryRow(
            request_id=one.pk, participant=one.participant, asked_by=one.requested_by, asked_at=one.requested_at,
            recipient=one.recipient_name, expires_at=one.expires_at, delivered_at=one.opened_at,
        )
        for one in found.select_related("participant__site", "requested_by").order_by("-requested_at", "pk")
    ]  # fmt: skip


def _faults(study: Study, reason_code: str, reason: str, name: str, email: str) -> dict[str, str]:
    fields = {}
    if reason_code not in set(REASONS):
        fields["reason_code"] = "Choose why it must be known."
    if len(reason.strip()) < SHORTEST_REASON:
        fields["reason"] = "Say what happened and who asked."
    if not name:
        fields["recipient_name"] = "Enter the colleague's name."
    if not email:
        fields["recipient_email"] = "Enter the colleague's e-mail address."
    return fields or _of_the_team(study, name, email)


def _of_the_team(study: Study, name: str, email: str) -> dict[str, str]:
    """Return what is wrong with a recipient who is, or once was, of the blinded team; the requester is too."""
    fields = {}
    team = User.objects.filter(
        memberships__study=study, memberships__role__in=[role.value for role in BLINDED_ROLES]
    ).distinct()
    for member in team.order_by("username"):
        if member.email and member.email.casefold() == email.casefold():
            fields["recipient_email"] = "This address belongs to somebody of the study team, who must stay blinded."
        if _plain(member.full_name) == _plain(name):
            fields["recipient_name"] = "Somebody of the study team has this name and must stay blinded. Name another."
    return fields


def _plain(name: str) -> str:
    """Return a name without titles, case, punctuation and order, to compare by."""
    words = re.findall(r"\w+", TITLES.sub(" ", name.casefold()))
    return " ".join(sorted(words))


def _refuse_too_many(study: Study) -> None:
    since = clock.now() - datetime.timedelta(hours=24)
    if DeliveryRequest.objects.filter(study=study, requested_at__gt=since).count() >= MOST_A_DAY:
        msg = (
            f"{MOST_A_DAY} deliveries were asked for within 24 hours, which is the most. Phone the physician on call, "
            "who reveals at the unblinded door."
        )
        raise InvalidState(msg)


def _send(asked: DeliveryRequest, link: str) -> None:
    """Send the link before the request stands: without the mail there is nothing to wait for."""
    path = reverse("delivery", args=[link], urlconf="studyportal.vault_urls")
    base = settings.PORTAL_VAULT_URL
    address = f"{base}{path}" if base else f"{path} at the address of the study's unblinded door"
    until = clock.local(asked.expires_at, asked.participant.site.time_zone)
    body = MAIL.format(
        requester=asked.requested_by.full_name, study=asked.study.name, number=asked.participant.number,
        site=asked.participant.site, address=address, until=f"{until:%H:%M %Z}",
    )  # fmt: skip
    subject = f"{asked.participant.number}: a colleague asks you to take over"
    try:
        EmailMessage(subject, body, None, [asked.recipient_email]).send()
    except OSError:  # smtplib's errors are among them
        raise InvalidState(
            "The message could not be sent, so nothing was asked for. Phone the physician on call, who reveals at the "
            "unblinded door."
        ) from None
