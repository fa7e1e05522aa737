"""A person's authenticator app."""

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt

from studyportal.accounts.models import User


def enrol(user: User) -> None:
    """Give a person an authenticator."""
    TOTP.activate(user, generate_totp_secret())


def code_of(user: User) -> str:
    """Return what the authenticator shows now."""
    secret = decrypt(Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP).data["secret"])
    *_, counter = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, counter))
