"""The proof of one slot, for the participant whom this sign-in revealed a moment ago."""

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from sessions.allocation.proof_sheet import proof_sheet
from sessions.allocation.proving import proof_of, proof_text
from sessions.allocation.sheets import printed_by
from sessions.views.downloads import attachment
from studyportal import clock
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import NotFound
from studyportal.reports.views.emergency import REVEALED


@require_GET
@requires(Permission.ALLOCATION_UNBLIND)
def proof_file(request: StudyRequest) -> HttpResponse:
    """Return the proof as the file that the verifier reads."""
    number, proof = _proof(request)
    return attachment(proof_text(proof), f"{number}-slot-proof.json", "application/json")


@require_GET
@requires(Permission.ALLOCATION_UNBLIND)
def proof_pdf(request: StudyRequest) -> HttpResponse:
    """Return the proof as a sheet to file."""
    number, proof = _proof(request)
    printed = printed_by(request.user.full_name)
    made = proof_sheet(request.study, number, proof, printed=printed, at=clock.now())
    return attachment(made, f"{number}-slot-proof.pdf", "application/pdf")


def _proof(request: StudyRequest) -> tuple[str, dict[str, object]]:
    kept = request.session.get(REVEALED)
    if kept is None:
        raise NotFound("Reveal a participant first; the proof is of that reveal.")
    proof = proof_of(
        study=request.study, participant_id=UUID(kept["participant_id"]), request_id=kept["request_id"],
        by=request.user,
    )  # fmt: skip
    return str(kept["number"]), proof
