"""The second factor at the act itself, however long ago the sign-in was.

Wrong codes count like wrong passwords at a signature, and a code opens once at whichever process. A recovery code does
too: at night the phone with the authenticator may be elsewhere.
"""

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt

from studyportal.accounts.models import User
from studyportal.accounts.second_factor import spend_code
from studyportal.accounts.signing_pause import note_wrong_password, refuse_while_paused
from studyportal.errors import InvalidInput

KEPT = "Nothing was done; your answers are kept."


def check_code(user: User, typed: str) -> None:
    """Use up one code of the person's authenticator, or one recovery code.

    Raises:
        InvalidInput: there is no authenticator, or the code is missing, wrong, used already, or was wrong too often.
    """
    code = "".join(typed.split())
    if not code:
        raise _refused("The code is missing.", "Enter the code of your authenticator app.")
    refuse_while_paused(user)
    held = {one.type: one for one in Authenticator.objects.filter(user=user)}
    totp, recovery = held.get(Authenticator.Type.TOTP), held.get(Authenticator.Type.RECOVERY_CODES)
    if totp is None:
        raise _refused("Your account has no authenticator.", "Ask whoever runs the portal for a new enrolment link.")
    if spend_code(totp, code) or (recovery is not None and RecoveryCodes(recovery).validate_code(code)):
        return
    if _is_present(totp, code):
        raise _refused("This code was used already.", "Wait for the next code, half a minute at most, and enter it.")
    note_wrong_password(user)
    raise _refused("The code does not match.", "Enter the code that your authenticator app shows now.")


def _refused(what: str, beside: str) -> InvalidInput:
    return InvalidInput(f"{what} {KEPT}", fields={"code": beside}, code="wrong_code")


def _is_present(totp: Authenticator, code: str) -> bool:
    secret = decrypt(totp.data["secret"])
    return any(
        compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, counter)))
        for counter in yield_hotp_counters_from_time()
    )
