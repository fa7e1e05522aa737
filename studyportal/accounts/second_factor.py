"""Wrong codes count like wrong passwords: six digits are soon guessed by whoever may try without end."""

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from studyportal.accounts.models import User

WAIT = "There were too many wrong tries. Wait 15 minutes, then sign in again."


def is_paused(request: HttpRequest, user: User) -> bool:
    """Whether wrong passwords and codes were too many; the answer becomes the page that says so."""
    if not settings.AXES_ENABLED or AxesProxyHandler.is_allowed(request, {"username": user.username}):
        return False
    request.axes_locked_out = True  # type: ignore[attr-defined]  # what the middleware of axes looks for
    return True


def count_wrong_code(request: HttpRequest, user: User) -> None:
    """Count a wrong code as a failed sign-in."""
    user_login_failed.send(sender=__name__, credentials={"username": user.username}, request=request)


class _Counted:
    """A form for a code that is refused unread while the account waits."""

    user: User

    def clean_code(self) -> str:
        """Check the code, unless there were too many wrong ones."""
        if is_paused(context.request, self.user):
            raise ValidationError(WAIT)
        return str(super().clean_code())  # type: ignore[misc]  # of the form beside it

    def _emit_authentication_failed(self, authenticator: object) -> None:
        super()._emit_authentication_failed(authenticator)  # type: ignore[misc]  # of the form beside it
        count_wrong_code(context.request, self.user)


class CodeForm(_Counted, AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code at sign-in."""


class CodeAgainForm(_Counted, ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code again, before something delicate."""
