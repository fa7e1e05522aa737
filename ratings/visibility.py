"""What a rater may see of a rating that is signed: pure.

Earlier scores would anchor the next interview (madrs.md), the rater's own as well. So a signed rating stays closed
while another interview with the same participant is due or under way for this rater.
"""

import datetime
from collections.abc import Iterable

from ratings.models import RatingAssignment
from ratings.policies import due_window


def closed_by(
    signed: RatingAssignment, others: Iterable[RatingAssignment], now: datetime.datetime
) -> RatingAssignment | None:
    """Return the interview that keeps the scores of `signed` out of sight, or None."""
    for other in others:
        same_person = other.session.participant_id == signed.session.participant_id
        if other.pk == signed.pk or other.rater_id != signed.rater_id or not same_person:
            continue
        if other.status == RatingAssignment.Status.STARTED:
            return other
        window = due_window(other.session, other.assessment)
        if other.status == RatingAssignment.Status.ASSIGNED and window is not None and now >= window.opens:
            return other
    return None
