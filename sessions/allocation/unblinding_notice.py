"""What everybody may know of an unblinding: that it happened. A deviation is written, and mails go out without delay.

Nothing here knows a treatment, so neither the row nor a byte of a mail can depend on one.
"""

import datetime
from collections.abc import Iterable
from functools import partial

from django.core.mail import EmailMessage, get_connection
from django.db import transaction

from participants.models import Participant
from sessions.models import ProtocolDeviation
from sessions.models.deviation import UNBLINDING
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Role
from studyportal.accounts.selectors import people_in_role

BODY = """The treatment of {number} ({site}) of {study} was revealed.

Time: {time}
Reason: {reason}
{who}

This message carries no treatment on purpose, and you are not to be told one: stay blinded, and do not ask whoever
knows. A protocol deviation was recorded. The participant stays in the study's analysis.
"""
TOLD = (Role.INVESTIGATOR, Role.STATISTICIAN, Role.UNBLINDED_STATISTICIAN)


@transaction.atomic
def tell_of_unblinding(
    participant: Participant, *, reason_words: str, who: str, recorded_by: User, at: datetime.datetime
) -> ProtocolDeviation:
    """Record the deviation, and send the notices once the caller's transaction stands.

    Args:
        participant: with its study and site.
        reason_words: the reason's code in words; never free text, in which somebody may have written what they guess.
        who: a sentence that says who learnt the treatment.
        recorded_by: the person whose act it was.
        at: the moment of the reveal.
    """
    deviation = ProtocolDeviation.objects.create(
        participant=participant, session=None, code=UNBLINDING, occurred_at=at, recorded_at=clock.now(),
        recorded_by=recorded_by, description=f"The treatment was revealed. Reason: {reason_words}. {who}",
    )  # fmt: skip
    transaction.on_commit(partial(_send, participant, reason_words, who, at))
    return deviation


def addressees(participant: Participant) -> list[str]:
    """Return who is told: the site's investigators, the sponsor's contact, the statisticians of both doors."""
    study = participant.study
    people: list[Iterable[User]] = [
        people_in_role(role, study, participant.site if role is Role.INVESTIGATOR else None) for role in TOLD
    ]
    found = [person.email for group in people for person in group if person.email]
    return list(dict.fromkeys([*found, *([study.sponsor_email] if study.sponsor_email else [])]))


def _send(participant: Participant, reason_words: str, who: str, at: datetime.datetime) -> None:
    moment = clock.local(at, participant.site.time_zone)
    body = BODY.format(
        number=participant.number, site=participant.site, study=participant.study.name, reason=reason_words, who=who,
        time=f"{moment.day} {moment:%b %Y, %H:%M %Z}",
    )  # fmt: skip
    messages = [
        EmailMessage(f"{participant.number}: an unblinding happened", body, None, [address])
        for address in addressees(participant)
    ]
    # One connection for all, and failing mail never holds up a physician.
    get_connection(fail_silently=True).send_messages(messages)
