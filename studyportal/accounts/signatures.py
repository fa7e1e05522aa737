"""Electronic signatures: re-authentication, the hash of what was shown, and visible voiding."""

import hashlib
import json
from collections.abc import Mapping
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction

from studyportal import clock
from studyportal.accounts.models import Signature, User
from studyportal.accounts.second_factor import spend_code
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


def has_second_factor(user: User) -> bool:
    """Whether acts that cannot be undone ask this person for a code: where one is enrolled, or the door demands it."""
    return settings.PORTAL_REQUIRE_SECOND_FACTOR or _authenticator(user) is not None


def check_second_factor(user: User, code: str) -> None:
    """Ask once more for the second factor of somebody whose password was right; the code is used up.

    Nothing is asked of a person without one, unless the door requires it of everybody.

    Raises:
        InvalidInput: the code is missing, wrong or used, or there is no authenticator where there must be one.
    """
    if not has_second_factor(user):
        return
    authenticator = _authenticator(user)
    if authenticator is None:
        raise InvalidInput(
            "This act needs a second factor. Set one up under your name at the top of the page, then come back.",
            fields={"code": "You have no authenticator yet. Set one up first."}, code="no_second_factor",
        )  # fmt: skip
    digits = "".join(code.split())
    if not digits:
        raise InvalidInput(
            "Enter the code of your authenticator. Nothing was done; your answers are kept.",
            fields={"code": "Enter the six digits that your authenticator shows now."}, code="code_missing",
        )  # fmt: skip
    if not spend_code(authenticator, digits):
        note_wrong_password(user)
        raise InvalidInput(
            "The code does not match, or was used already. Nothing was done; your answers are kept.",
            fields={"code": "Wait for the next code of your authenticator, then enter it."}, code="wrong_code",
        )  # fmt: skip


def _authenticator(user: User) -> Authenticator | None:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()


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
