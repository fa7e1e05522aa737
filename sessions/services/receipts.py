"""The receipt of a randomization: number, strata, who and when. It names no treatment and no person who takes part."""

import datetime
import io
from dataclasses import dataclass

import segno

from participants.models import Participant
from sessions.models import PaperRandomization
from sessions.policies import stratum_words
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.documents import render_pdf

TEMPLATE = "sessions/templates/sessions/receipt.typ"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a receipt shows besides the numbers."""

    local_time: str
    utc_time: str
    by: str
    strata: tuple[tuple[str, str], ...]
    on_paper: PaperRandomization | None


def facts_of(participant: Participant) -> Facts:
    """Return the facts of a randomized participant's receipt; the strata are those of the allocation."""
    at = participant.randomized_at or clock.now()
    paper = PaperRandomization.objects.filter(participant=participant).first()
    return Facts(
        local_time=in_words(at, participant.site.time_zone),
        utc_time=in_words(at, "UTC"),
        by=paper.given_by if paper else str(participant.randomized_by),
        strata=stratum_words(participant),
        on_paper=paper,
    )


def in_words(moment: datetime.datetime, zone: str) -> str:
    """Return a moment as the paper says it, for example `14 Mar 2026, 09:30 GMT`."""
    local = clock.local(moment, zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def file_name(participant: Participant) -> str:
    """Return the name of the receipt's file."""
    return f"randomization-{participant.number}.pdf"


def printed_line(user: User, participant: Participant) -> str:
    """Return the watermark of a print."""
    return f"Printed by {user}, {in_words(clock.now(), participant.site.time_zone)}"


def code_picture(participant: Participant) -> str:
    """Return an SVG of a QR code that holds the participant's number and nothing else."""
    held = io.BytesIO()
    made = segno.make(participant.number, error="m", micro=False)
    made.save(held, kind="svg", scale=4, border=2, light="white", xmldecl=False, nl=False)
    return held.getvalue().decode()


def receipt_pdf(participant: Participant, *, printed: str) -> bytes:
    """Return the receipt as a PDF with the line that says who printed it; the code holds the participant's number."""
    facts, study = facts_of(participant), participant.study
    rows = [
        ["Participant", participant.number], ["Study", study.name], ["Site", str(participant.site)],
        *([factor, value] for factor, value in facts.strata if factor != "Site"),
        ["Time at the site", facts.local_time], ["Time in UTC", facts.utc_time],
        ["Given on paper by" if facts.on_paper else "Randomized by", facts.by], ["Treatment", "hidden"],
    ]  # fmt: skip
    if facts.on_paper:
        recorded = in_words(facts.on_paper.recorded_at, participant.site.time_zone)
        rows.insert(-1, ["Entered afterwards", f"{facts.on_paper.recorded_by}, {recorded}"])
    data = {
        "study": study.name, "synthetic": study.is_synthetic, "number": participant.randomization_number,
        "participant": participant.number, "rows": rows, "printed": printed,
        "code": code_picture(participant),
    }  # fmt: skip
    return render_pdf(TEMPLATE, data, at=participant.randomized_at or clock.now())
