"""The record of a reveal to print: what a page of five minutes showed, for the participant's notes."""

import datetime

from sessions.allocation.emergency import Revealed
from studyportal import clock
from studyportal.accounts.models import User

RECORD = "studyportal/reports/templates/reports/reveal_record.typ"


def record_of(revealed: Revealed, *, printed_by: User, at: datetime.datetime) -> dict[str, object]:
    """Return what the document shows."""
    participant = revealed.participant
    zone = participant.site.time_zone
    return {
        "title": f"Unblinding of {participant.number}",
        "study": participant.study.name,
        "synthetic": participant.study.is_synthetic,
        "printed": f"Printed by {printed_by.full_name}, {_moment(at, zone)}",
        "treatments": [[f"Period {period}", treatment] for period, treatment in revealed.treatments],
        "facts": [
            ["Participant", participant.number],
            ["Randomization number", participant.randomization_number],
            ["Site", str(participant.site)],
            ["Revealed", _moment(revealed.at, zone)],
            ["By", printed_by.full_name],
            ["Reason", revealed.reason],
        ],
    }


def _moment(at: datetime.datetime, zone: str) -> str:
    local = clock.local(at, zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"
