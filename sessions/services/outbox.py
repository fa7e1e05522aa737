"""The outbox: a message is a row of the transaction that it tells of, and is sent after the commit until it arrives.

As with jobs (ADR 6), the row is the truth. A mail server that is down costs time and no message; a message that was
handed over and whose row could not be marked any more is sent twice rather than never.
"""

import datetime
import logging
from collections.abc import Iterable
from smtplib import SMTPException
from uuid import UUID

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet

from participants.models import Participant
from sessions.models import OutboxMessage
from sessions.services import mail_texts
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.errors import InvalidState, NotFound
from studyportal.studies.models import Site, Study

logger = logging.getLogger(__name__)

FIRST_WAIT = datetime.timedelta(seconds=30)
LONGEST_WAIT = datetime.timedelta(hours=1)
AT_ONCE = 50


@transaction.atomic
def queue(
    *, kind: OutboxMessage.Kind, site: Site, people: Iterable[User], participant: Participant | None = None
) -> OutboxMessage | None:
    """Write a message to people with an address; None when nobody has one. Part of the caller's transaction."""
    to = [str(person.pk) for person in people if person.email]
    if not to:
        return None
    return OutboxMessage.objects.create(
        study=site.study, site=site, participant=participant, kind=kind, recipients=to, queued_at=clock.now(),
        next_try_at=clock.now(),
    )  # fmt: skip


def deliver() -> int:
    """Send what is due, the oldest first; return how many were sent. Several may deliver at once."""
    due = OutboxMessage.objects.filter(sent_at__isnull=True, next_try_at__lte=clock.now())
    keys = list(due.order_by("queued_at").values_list("pk", flat=True)[:AT_ONCE])
    return sum(_deliver(key) for key in keys)


@transaction.atomic
def _deliver(key: UUID) -> bool:
    waiting = OutboxMessage.objects.filter(pk=key, sent_at__isnull=True, next_try_at__lte=clock.now())
    row = waiting.select_for_update(skip_locked=True).first()
    if row is None:  # another worker has it, or has sent it
        return False
    row.attempts += 1
    try:
        _compose(row).send()
    except (OSError, SMTPException) as error:
        # The class alone: what a mail server says may quote the message.
        row.failure = type(error).__name__[:80]
        row.next_try_at = clock.now() + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts - 1, 10))
        logger.warning("mail not sent", extra={"outbox": str(row.pk), "failure": row.failure})
    else:
        row.sent_at, row.failure = clock.now(), ""
    row.save(update_fields=["attempts", "failure", "next_try_at", "sent_at"])
    return row.sent_at is not None


def _compose(row: OutboxMessage) -> EmailMessage:
    text = mail_texts.text_of(row)
    to = list(
        User.objects.filter(pk__in=row.recipients).exclude(email="").order_by("email").values_list("email", flat=True)
    )
    message = EmailMessage(text.subject, text.body, None, to)
    if text.attachment is not None:
        message.attach(text.attachment_name, text.attachment, "application/pdf")
    return message


def messages_for(viewer: User, study: Study) -> QuerySet[OutboxMessage]:
    """Messages of the viewer's sites, the newest first.

    Raises:
        NotPermitted: the viewer's role does not include the messages.
    """
    check(viewer, Permission.MAIL_WATCH, study)
    sites = sites_with(viewer, Permission.MAIL_WATCH, study)
    return OutboxMessage.objects.filter(study=study, site__in=sites).select_related("site", "participant")


@transaction.atomic
def send_again(*, study: Study, message_id: UUID, by: User) -> OutboxMessage:
    """Let a message that could not be sent be tried at once.

    Raises:
        NotPermitted: the role does not include the messages.
        NotFound: no such message at the person's sites.
        InvalidState: it was sent.
    """
    row = messages_for(by, study).filter(pk=message_id).first()
    if row is None:
        raise NotFound("There is no such message at your sites.")
    if row.sent_at is not None:
        raise InvalidState("This message was sent. The receipt can be opened on the participant's page at any time.")
    row.next_try_at = clock.now()
    row.save(update_fields=["next_try_at"])
    return row
