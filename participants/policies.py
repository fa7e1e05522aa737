"""What must be true before an act: the participant's stage, not the person's role."""

from participants.models import Participant
from studyportal.errors import InvalidState

LEFT = frozenset({Participant.Status.WITHDRAWN, Participant.Status.SCREEN_FAILED})


def has_left(participant: Participant) -> bool:
    """Return whether the participant's way through the study ended early."""
    return participant.status in LEFT


def refuse_left(participant: Participant) -> None:
    """Refuse an act on somebody who has left.

    Raises:
        InvalidState: the participant has withdrawn or failed screening.
    """
    if has_left(participant):
        msg = f"{participant.number} has left the study ({participant.get_status_display().lower()})."
        raise InvalidState(msg)


def refuse_not_screening(participant: Participant) -> None:
    """Refuse an act that belongs to screening.

    Raises:
        InvalidState: the participant is no longer in screening.
    """
    refuse_left(participant)
    if participant.status != Participant.Status.SCREENING:
        msg = f"{participant.number} is no longer in screening."
        raise InvalidState(msg)
