"""Signing a rating and correcting it afterwards; an edit voids the signature, visibly."""

import datetime
from collections.abc import Mapping

from django.db import transaction

from ratings import scoring
from ratings.models import ItemCorrection, ItemScore, Rating, RatingAssignment
from ratings.policies import is_within_window
from ratings.selectors import scores_of
from ratings.services.alerts import acknowledge_as_rater, needs_rater, raise_alert_if_needed
from sessions.services.deviations import record_deviation
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import Signature, User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.audit.context import because
from studyportal.errors import InvalidInput, InvalidState, NotPermitted

MEANING = "I conducted this interview and these are my scores."
CORRECTION_MEANING = "I corrected this rating as stated; these are my scores."


@transaction.atomic
def sign(
    *,
    rating: Rating,
    known_version: int,
    ended_at: datetime.datetime,
    source: str,
    password: str,
    by: User,
    safety_started: bool = False,
) -> Rating:
    """Sign a complete rating. A start outside its window is kept and recorded as a deviation.

    `safety_started` confirms the safety step of item 10 together with the signature, or not at all.

    Raises:
        NotPermitted: the rating is somebody else's.
        InvalidState: signed already, changed in another window, or the safety step is not acknowledged.
        InvalidInput: an item has neither score nor reason, the end time is impossible, or the password is wrong.
    """
    locked = _own(rating, by)
    if locked.status == Rating.Status.SIGNED:
        raise InvalidState("This rating is signed already.", code="signed")
    if locked.version != known_version:
        raise InvalidState("The answers changed in another window. Look at them once more, then sign.", code="stale")
    scores = scores_of(locked)
    fields = gaps(scores)
    if ended_at < locked.started_at:
        fields["ended_at"] = "The interview cannot end before it starts."
    if ended_at > clock.now() + datetime.timedelta(minutes=1):
        fields["ended_at"] = "The end time lies in the future."
    if source not in Rating.Source.values:
        fields["source"] = "Say whether the scores were entered during the interview or copied from paper."
    if fields:
        raise InvalidInput("The rating cannot be signed yet.", fields=fields)
    waits_for_rater = needs_rater(locked)
    if waits_for_rater and not safety_started:
        raise InvalidState("Item 10 asks for the safety step. Confirm it in the review, then sign.", code="safety_step")
    signatures.check_password(by, password)
    if waits_for_rater:
        acknowledge_as_rater(rating=locked, by=by)
    locked.ended_at, locked.source = ended_at, source
    _sign(locked, scores, MEANING, by)
    assignment = locked.assignment
    assignment.status = RatingAssignment.Status.SIGNED
    assignment.save(update_fields=["status"])
    if is_within_window(assignment, locked.started_at) is False:
        record_deviation(
            session=assignment.session,
            code="rating_window",
            occurred_at=locked.started_at,
            description=f"{assignment.assessment.label} was rated outside its window.",
            by=by,
        )
    events.record("rating signed", study=assignment.session.participant.study.code, target=assignment.code)
    return locked


@transaction.atomic
def correct(
    *, rating: Rating, item: int, new_value: int, reason: str, reason_text: str, password: str, by: User
) -> ItemCorrection:
    """Change one score of a signed rating: the old value, the reason and the voided signature stay on view.

    Raises:
        NotPermitted: the rating is somebody else's.
        InvalidState: the rating is not signed.
        InvalidInput: item, value or reason is impossible or missing, or the password is wrong.
    """
    locked = _own(rating, by)
    voided = refuse_unsigned(locked)
    fields = {}
    if item not in scoring.ITEMS:
        fields["item"] = "Choose an item from 1 to 10."
    if not scoring.LOWEST <= new_value <= scoring.HIGHEST:
        fields["new_value"] = "A score is a whole number from 0 to 6."
    if reason not in ItemCorrection.Reason.values:
        fields["reason"] = "Choose a reason."
    if not reason_text.strip():
        fields["reason_text"] = "Say in a sentence what happened."
    if fields:
        raise InvalidInput("The correction needs another look.", fields=fields)
    scores = scores_of(locked)
    score = scores.setdefault(item, ItemScore(rating=locked, item=item))
    if score.value == new_value:
        raise InvalidInput("Nothing would change.", fields={"new_value": f"Item {item} is {new_value} already."})
    signatures.check_password(by, password)
    with because(reason, reason_text.strip()):
        correction = ItemCorrection.objects.create(
            rating=locked, item=item, old_value=score.value, new_value=new_value, reason=reason,
            reason_text=reason_text.strip(), voided_signature=voided, corrected_by=by,
            corrected_at=clock.now(),
        )  # fmt: skip
        signatures.void(voided, reason=f"Item {item} corrected: {reason_text.strip()}"[:240])
        score.value, score.missing_reason = new_value, ""
        score.save()
        locked.version += 1
        _sign(locked, scores, CORRECTION_MEANING, by)
        if item == scoring.SUICIDAL_ITEM:
            raise_alert_if_needed(locked, score)
    events.record("score corrected", study=locked.assignment.session.participant.study.code, target=str(locked.pk))
    return correction


def refuse_unsigned(rating: Rating) -> Signature:
    """Return the signature in force; refuse to correct what is not signed.

    Raises:
        InvalidState: the rating is a draft; it can simply be changed.
    """
    if rating.status != Rating.Status.SIGNED or rating.signature is None:
        raise InvalidState("Only a signed rating is corrected; this one can simply be changed.")
    return rating.signature


def gaps(scores: Mapping[int, ItemScore]) -> dict[str, str]:
    """Return the items that have neither a score nor a complete reason, with what to do."""
    fields = {}
    for item in scoring.ITEMS:
        score = scores.get(item)
        if score is None or (score.value is None and not score.missing_reason):
            fields[f"item_{item}"] = f"Score item {item}, or say why it was not assessed."
        elif score.missing_reason == ItemScore.MissingReason.OTHER and not score.note.strip():
            fields[f"item_{item}"] = f"Explain in the note why item {item} was not assessed."
    return fields


def _own(rating: Rating, by: User) -> Rating:
    locked = (
        Rating.objects.select_for_update(of=("self",))
        .select_related("assignment__session__participant__study", "assignment__session__participant__site",
                        "assignment__assessment", "signature", "pack")
        .get(pk=rating.pk)
    )  # fmt: skip
    participant = locked.assignment.session.participant
    check(by, Permission.RATING_ENTER, participant.study, participant.site)
    if locked.rater_id != by.pk:
        raise NotPermitted("This rating belongs to somebody else.")
    return locked


def _sign(rating: Rating, scores: Mapping[int, ItemScore], meaning: str, by: User) -> None:
    participant = rating.assignment.session.participant
    content = {
        "assignment": rating.assignment.code,
        "pack_sha256": rating.pack.sha256,
        "started_at": rating.started_at.isoformat(),
        "ended_at": rating.ended_at.isoformat() if rating.ended_at else None,
        "source": rating.source,
        "items": {
            str(item): {"value": s.value, "missing_reason": s.missing_reason, "note": s.note}
            for item, s in sorted(scores.items())
        },
    }
    rating.signature = signatures.sign(
        by=by, meaning=meaning, record_label="rating", record_id=rating.pk, content=content,
        time_zone=participant.site.time_zone,
    )  # fmt: skip
    rating.signed_at, rating.status = rating.signature.signed_at, Rating.Status.SIGNED
    rating.save()
