"""Who rates what: assigned by coordinators, refused by the rater firewall."""

import secrets

from django.db import IntegrityError, transaction

from ratings.models import RatingAssignment
from ratings.policies import firewall_reason
from ratings.selectors import possible_raters
from sessions.models import AssessmentSchedule, StudySession
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, check
from studyportal.audit import events
from studyportal.errors import InvalidState, NotPermitted

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


@transaction.atomic
def assign(*, session: StudySession, assessment: AssessmentSchedule, rater: User, by: User) -> RatingAssignment:
    """Put an assessment of a session on a rater's list.

    Raises:
        NotPermitted: the role does not include assigning at this site, or the person is no rater there.
        InvalidState: the rater is firewalled from this session, or somebody has the assessment already.
    """
    participant = session.participant
    check(by, Permission.RATING_ASSIGN, participant.study, participant.site)
    if not can(rater, Permission.RATING_ENTER, participant.study, participant.site):
        msg = f"{rater.full_name} is not a rater at this site."
        raise NotPermitted(msg)
    refuse_firewalled(rater, session)
    made = RatingAssignment(
        code="".join(secrets.choice(ALPHABET) for _ in range(10)),
        session=session,
        assessment=assessment,
        rater=rater,
        assigned_by=by,
        assigned_at=clock.now(),
    )
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        raise InvalidState("This assessment is assigned already. Cancel that assignment first.") from None
    events.record("rating assigned", study=participant.study.code, target=made.code)
    return made


@transaction.atomic
def cancel(*, assignment: RatingAssignment, by: User) -> RatingAssignment:
    """Take an assessment off a rater's list before the interview has begun.

    Raises:
        NotPermitted: the role does not include assigning at this site.
        InvalidState: the interview has begun.
    """
    locked = RatingAssignment.objects.select_for_update().get(pk=assignment.pk)
    participant = assignment.session.participant
    check(by, Permission.RATING_ASSIGN, participant.study, participant.site)
    if locked.status != RatingAssignment.Status.ASSIGNED:
        raise InvalidState("The interview has begun; its rating stays with this rater.")
    locked.status = RatingAssignment.Status.CANCELLED
    locked.save(update_fields=["status"])
    return locked


def refuse_firewalled(rater: User, session: StudySession) -> None:
    """Refuse a rater who may have guessed the treatment, and say who can rate instead.

    Raises:
        InvalidState: with the reason and the names.
    """
    reason = firewall_reason(rater, session)
    if not reason:
        return
    others = ", ".join(other.full_name for other in possible_raters(session)) or "nobody yet; add a rater"
    msg = f"{rater.full_name} {reason}, so cannot rate it. Who can: {others}."
    raise InvalidState(msg, code="rater_firewall")
