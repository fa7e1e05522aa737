"""What is printed of commitments: the sheet of a study's published roots, each with its code."""

import datetime
import io

import segno

from sessions.allocation.models import Publication
from sessions.allocation.publication import Published
from studyportal import clock
from studyportal.documents import render_pdf
from studyportal.studies.models import Study
from studyportal.templatetags.portal import local_moment

FOLDER = "sessions/templates/allocation"


def commitment_sheet(study: Study, published: Published, *, door: str, printed: str) -> bytes:
    """Return the PDF of a study's published roots, each with its code, and of the chain where there is one."""
    rows = [*published.roots, *([published.chain] if published.chain else [])]
    data = {
        "study": study.name,
        "code": study.code,
        "door": door,
        "printed": printed,
        "synthetic": study.is_synthetic,
        "values": [_value(row) for row in rows],
    }
    at = max((row.published_at for row in rows), default=datetime.datetime.fromtimestamp(0, datetime.UTC))
    return render_pdf(f"{FOLDER}/commitment.typ", data, at=at)


def printed_by(name: str) -> str:
    """Return the watermark of a print: who, and when."""
    return f"Printed by {name}, {local_moment(clock.now())}"


def code_of(text: str) -> str:
    """Return a text as a QR code, in SVG."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="svg", scale=4, border=2, xmldecl=False)
    return drawn.getvalue().decode()


def _value(row: Publication) -> dict[str, object]:
    is_root = row.kind == Publication.Kind.COMMITMENT
    facts = [["Published", f"{row.published_at:%-d %b %Y, %H:%M} UTC by {row.published_by.full_name}"]]
    if is_root:
        facts = [["Method", row.method_words], ["Generator", row.generator], ["List", str(row.list_id)], *facts]
    return {
        "title": row.label if is_root else "Chain of the allocations",
        "name": "Root" if is_root else "Head",
        "value": row.value,
        "facts": facts,
        "code": code_of(row.value),
    }
