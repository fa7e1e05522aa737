"""A person's authenticator, and the code that it shows now."""

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time

from studyportal.accounts.doors import is_unblinded
from studyportal.accounts.models import User
from studyportal.accounts.second_factor import LAST
from tests.conftest import standing_at

SECRET = "JBSWY3DPEHPK3PXP"


def enrol(user: User) -> None:
    """Give a person an authenticator."""
    with standing_at("vault" if is_unblinded(user) else "web"):
        TOTP.activate(user, SECRET)


def code_of(user: User) -> str:
    """Return the present code of a person's authenticator, as if half a minute had passed since the last one."""
    with standing_at("vault" if is_unblinded(user) else "web"):
        if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
            TOTP.activate(user, SECRET)
        held = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
        held.data.pop(LAST, None)
        held.save(update_fields=["data"])
    return format_hotp_value(hotp_value(SECRET, next(iter(yield_hotp_counters_from_time()))))
