"""Electronic signatures: re-authentication, the hash of what was shown, and visible voiding."""

import hashlib
import json
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from studyportal import clock
from studyportal.accounts.models import Signature, User
from studyportal.accounts.signing_pause import note_wrong_password, refuse_while_paused
from studyportal.errors import InvalidInput


def check_password(user: User, password: str) -> None:
    """Re-authenticate the person who is about to sign.

    Raises:
        InvalidInput: the password is missing or wrong, or was wrong too often; nothing typed elsewhere on the form is
            lost.
    """
    refuse_while_paused(user)
    if not user.check_password(password):
        note_wrong_password(user)
        msg = "The password does not match. Nothing was signed; your answers are kept."
        raise InvalidInput(msg, fields={"password": "Enter your own password again."}, code="wrong_password")


@transaction.atomic
def sign(
    *, by: User, meaning: str, record_label: str, record_id: UUID, content: Mapping[str, object], time_zone: str
) -> Signature:
    """Sign `content`, the canonical rendering of what was on screen, for the record named by label and id.

    The caller has re-authenticated `by` in the same request (`check_password`).
    """
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Signature.objects.create(
        signer=by, printed_name=by.full_name, meaning=meaning, record_label=record_label, record_id=record_id,
        content=canonical, content_sha256=hashlib.sha256(canonical.encode()).hexdigest(), signed_at=clock.now(),
        time_zone=time_zone,
    )  # fmt: skip


@transaction.atomic
def void(signature: Signature, *, reason: str) -> None:
    """Void a signature because its record is being corrected; it stays on view with the reason."""
    signature.voided_at, signature.void_reason = clock.now(), reason
    signature.save(update_fields=["voided_at", "void_reason"])
