"""Safety alerts: raised by a draft's item 10 at once, acknowledged by rater and investigator."""

from functools import partial

from django.core.mail import send_mail
from django.db import transaction

from ratings.models import ItemScore, Rating, SafetyAlert
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, people_with
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState

SUBJECT = "A safety step needs your acknowledgement"
BODY = (
    "A safety alert was raised in {study}.\n\nSign in to the portal and open your worklist: it says what to do.\n"
    "This message carries no participant, no score and no name on purpose.\n"
)


def raise_alert_if_needed(rating: Rating, suicidal: ItemScore | None) -> bool:
    """Raise the alert when item 10 reaches the protocol's threshold; return whether the rating has an alert.

    A score lowered afterwards does not take the alert back: somebody looks at it.
    """
    participant = rating.assignment.session.participant
    study = participant.study
    reached = suicidal is not None and suicidal.value is not None and suicidal.value >= study.item10_threshold
    if not reached:
        return SafetyAlert.objects.filter(rating=rating).exists()
    _, is_new = SafetyAlert.objects.get_or_create(rating=rating, defaults={"raised_at": clock.now()})
    if is_new:
        events.record("safety alert raised", study=study.code, target=rating.assignment.code)
        to = [p.email for p in people_with(Permission.SAFETY_ACKNOWLEDGE, study, participant.site) if p.email]
        transaction.on_commit(partial(send_mail, SUBJECT, BODY.format(study=study.name), None, to, fail_silently=True))
    return True


@transaction.atomic
def acknowledge_as_rater(*, rating: Rating, by: User) -> SafetyAlert:
    """Confirm in the review that the protocol's steps were taken.

    Raises:
        InvalidState: this rating raised no alert.
    """
    alert = SafetyAlert.objects.select_for_update().filter(rating=rating, rating__rater=by).first()
    if alert is None:
        raise InvalidState("This rating raised no safety alert.")
    if alert.rater_acknowledged_at is None:
        alert.rater_acknowledged_at = clock.now()
        alert.save(update_fields=["rater_acknowledged_at"])
    return alert


@transaction.atomic
def acknowledge(*, alert: SafetyAlert, action: str, by: User) -> SafetyAlert:
    """Record what an investigator did about an alert.

    Raises:
        NotPermitted: the role does not include acknowledging at this site.
        InvalidInput: the action is missing.
        InvalidState: somebody has acknowledged it already.
    """
    locked = SafetyAlert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
    participant = locked.rating.assignment.session.participant
    check(by, Permission.SAFETY_ACKNOWLEDGE, participant.study, participant.site)
    if not action.strip():
        raise InvalidInput("Say what was done.", fields={"action": "Enter what was done, in a sentence."})
    if locked.acknowledged_at is not None:
        msg = f"{locked.acknowledged_by} has acknowledged this alert already."
        raise InvalidState(msg)
    locked.action, locked.acknowledged_by, locked.acknowledged_at = action.strip(), by, clock.now()
    locked.save()
    events.record("safety alert acknowledged", study=participant.study.code, target=locked.rating.assignment.code)
    return locked


def needs_rater(rating: Rating) -> bool:
    """Return whether signing waits for the rater's acknowledgement."""
    return SafetyAlert.objects.filter(rating=rating, rater_acknowledged_at__isnull=True).exists()
