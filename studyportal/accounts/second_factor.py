"""Wrong codes count like wrong passwords, and a code opens once, whichever process is asked.

Six digits are soon guessed by whoever may try without end. allauth remembers used codes in a cache, which each process
has for itself; the authenticator's own row is shared by all.
"""

from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from studyportal.accounts.models import User

WAIT = "There were too many wrong tries. Wait 15 minutes, then sign in again."
USED = "This code was used already. Wait for the next one, then try again."
LAST = "last_counter"


def is_refused(request: HttpRequest, user: User) -> bool:
    """Whether wrong passwords and codes of this person, from this address, were too many."""
    return bool(settings.AXES_ENABLED) and not AxesProxyHandler.is_allowed(request, {"username": user.username})


def is_paused(request: HttpRequest, user: User) -> bool:
    """Like `is_refused`, and the answer becomes the page that says so."""
    if not is_refused(request, user):
        return False
    request.axes_locked_out = True  # type: ignore[attr-defined]  # what the middleware of axes looks for
    return True


def count_wrong_try(request: HttpRequest, user: User) -> None:
    """Count a wrong code, or a wrong password of somebody who is signed in, as a failed sign-in."""
    user_login_failed.send(sender=__name__, credentials={"username": user.username}, request=request)


def has_passed(request: HttpRequest, user: User) -> bool:
    """Whether this very session was opened, or confirmed later, with a second factor."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, user))


def spend_code(authenticator: Authenticator, code: str) -> bool:
    """Use up the authenticator's present code; False when it, or a later one, was used before at any process."""
    with transaction.atomic():
        held = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        secret = decrypt(held.data["secret"])
        for counter in yield_hotp_counters_from_time():
            if counter > held.data.get(LAST, -1) and compare_user_code(
                actual=code, expected=format_hotp_value(hotp_value(secret, counter))
            ):
                held.data[LAST] = counter
                held.save(update_fields=["data"])
                return True
    return False


def opens(authenticator: Authenticator, code: str) -> bool:
    """Whether the code is the authenticator's present one and was not used before."""
    return TOTP(authenticator).validate_code(code) and spend_code(authenticator, code)


class _Counted:
    """A form for a code that is refused unread while the account waits."""

    user: User
    authenticator: Authenticator

    def clean_code(self) -> str:
        """Check the code, unless there were too many wrong ones; use it up."""
        if is_paused(context.request, self.user):
            raise ValidationError(WAIT)
        code = str(super().clean_code())  # type: ignore[misc]  # of the form beside it
        if self.authenticator.type == Authenticator.Type.TOTP and not spend_code(self.authenticator, code):
            self._emit_authentication_failed(self.authenticator)
            raise ValidationError(USED)
        return code

    def _emit_authentication_failed(self, authenticator: object) -> None:
        super()._emit_authentication_failed(authenticator)  # type: ignore[misc]  # of the form beside it
        count_wrong_try(context.request, self.user)


class CodeForm(_Counted, AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code at sign-in."""


class CodeAgainForm(_Counted, ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code again, before something delicate."""
