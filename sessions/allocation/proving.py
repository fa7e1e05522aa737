"""The proof of one slot after an emergency reveal: that it stood in the published list, and nothing of any other."""

import json
from uuid import UUID

from sessions.allocation.emergency import shown_again
from sessions.allocation.models import Allocation, RandomizationList
from sessions.allocation.publication import published_root_of
from sessions.allocation.selectors import PROOF
from sessions.allocation.terms import open_list
from sessions.randomization import slot_proof
from studyportal.accounts.models import User
from studyportal.audit import events
from studyportal.errors import InvalidState
from studyportal.studies.models import Study

MINIMIZED = (
    "This participant was drawn by minimization, which has no list made in advance: there is no slot to prove. The "
    "full reveal after the lock lets everybody draw the whole course again."
)


def proof_of(*, study: Study, participant_id: UUID, request_id: str, by: User) -> dict[str, object]:
    """Return the proof of the slot of a participant whom this person revealed in an earlier request.

    The whole list is opened in memory for it; that is in the trail first.

    Raises:
        NotPermitted: the person may not unblind.
        NotFound: the trail holds no recent reveal of this participant by this person in that request.
        InvalidState: the participant was drawn by minimization.
    """
    shown_again(study=study, participant_id=participant_id, request_id=request_id, by=by)
    slot = Allocation.objects.select_related("slot__stratum__list__study").get(participant_id=participant_id).slot
    made = slot.stratum.list
    if made.method == "minimization":
        raise InvalidState(MINIMIZED)
    events.record_now(PROOF, study=study.code, target=str(participant_id))
    opened = open_list(made)
    return slot_proof(opened.terms, opened.seed, opened.made, slot.number, commits_to=opened.commits_to)


def proof_text(proof: dict[str, object]) -> str:
    """Return a proof as the file that `verify.py` reads."""
    return json.dumps(proof, indent=1, sort_keys=True)


def is_bound(proof: dict[str, object]) -> bool:
    """Whether a proof also proves study and list."""
    return proof["format"] != "studyportal-slot-proof/1"


def published_at_of(proof: dict[str, object]) -> str:
    """Return when the root of a proof was published, in words; empty where it was not."""
    made = RandomizationList.objects.filter(pk=UUID(str(proof["list"]))).first()
    row = published_root_of(made) if made else None
    return f"{row.published_at:%-d %b %Y, %H:%M} UTC" if row else ""
