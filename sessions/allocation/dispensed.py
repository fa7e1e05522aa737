"""What the blinded side may know of the pharmacy: whether a session's capsule is ready, and under which number."""

from sessions.allocation.kit_models import DispensingLabel
from sessions.models import StudySession


def capsule_of(session: StudySession) -> DispensingLabel | None:
    """Return the latest label dispensed for a session that the caller may see; None while nothing is ready.

    A label says that and when a capsule was dispensed; its number is drawn for it alone and is no kit's.
    """
    return DispensingLabel.objects.filter(session=session).order_by("-dispensed_at").first()
