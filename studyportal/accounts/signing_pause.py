"""Wrong passwords at a signature count like wrong passwords at sign-in.

A stolen session would otherwise try passwords without end. The signing service's own transaction is rolled back by the
refusal, so the try is noted on the request and counted by `WrongPasswordMiddleware` once the answer stands. Outside a
request (commands, the demo) nobody guesses, and nothing is counted.
"""

import datetime
import math
from collections.abc import Callable

from allauth.core import context
from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.http import HttpRequest, HttpResponseBase

from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.second_factor import count_wrong_try, is_refused
from studyportal.errors import InvalidInput

NOTED = "portal_wrong_password_of"


def refuse_while_paused(user: User) -> None:
    """Refuse unread, while there were too many wrong passwords of this person from this address.

    Raises:
        InvalidInput: says in how many minutes the person may try again.
    """
    request = context.request
    if request is None or not is_refused(request, user):
        return
    minutes = _minutes_left(request, user)
    again = "Try again in a minute." if minutes <= 1 else f"Try again in {minutes} minutes."
    msg = f"The password was wrong too often, so it is not read now. Nothing was signed; your answers are kept. {again}"
    raise InvalidInput(msg, fields={"password": f"Too many wrong passwords. {again}"}, code="paused")


def note_wrong_password(user: User) -> None:
    """Remember on the request that a password was wrong."""
    if context.request is not None:
        setattr(context.request, NOTED, user)


class WrongPasswordMiddleware:
    """Counts the wrong password of a signature, after the request's transaction has ended."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, then count."""
        response = self.get_response(request)
        if (user := getattr(request, NOTED, None)) is not None:
            count_wrong_try(request, user)
        return response


def _minutes_left(request: HttpRequest, user: User) -> int:
    tries = AccessAttempt.objects.filter(username=user.username, ip_address=request.axes_ip_address)  # type: ignore[attr-defined]
    last = tries.order_by("-attempt_time").values_list("attempt_time", flat=True).first()
    cool_off: datetime.timedelta | None = get_cool_off(request)
    if last is None or cool_off is None:
        return 1
    left: datetime.timedelta = last + cool_off - clock.now()
    return max(1, math.ceil(left / datetime.timedelta(minutes=1)))
