"""The proof of one slot as it is printed: what it proves, the root's code, and what to do with the file."""

import datetime
from collections.abc import Mapping

from sessions.allocation.proving import is_bound, published_at_of
from sessions.allocation.sheets import FOLDER, code_of
from studyportal.documents import render_pdf
from studyportal.studies.models import Study


def proof_sheet(
    study: Study, participant: str, proof: Mapping[str, object], *, printed: str, at: datetime.datetime
) -> bytes:
    """Return the PDF of a proof."""
    slot = proof["slot"]
    assert isinstance(slot, Mapping)
    published = published_at_of(dict(proof))
    data = {
        "study": study.name,
        "printed": printed,
        "synthetic": study.is_synthetic,
        "facts": [
            ["Participant", participant],
            ["Randomization number", str(slot["number"])],
            ["Sequence", str(slot["sequence"])],
            ["Stratum and place", f"{slot['stratum']}, {slot['ordinal']}"],
            ["Root published", published or "not published through the portal"],
        ],
        "root": str(proof["root"]),
        "nonce": str(slot["nonce"]),
        "digest": str(proof["digest"]),
        "bound": is_bound(dict(proof)),
        "code": code_of(str(proof["root"])),
    }
    return render_pdf(f"{FOLDER}/slot_proof.typ", data, at=at)
