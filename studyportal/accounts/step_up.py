"""Confirm it is you: acts that open the secret ask for a second factor that is fresh, not only for one at sign-in.

A page that was asked for is led through the confirmation and comes back. A form that was sent is kept in the page
that asks, never in the session, which lies in the database; passwords are not kept but asked for again. allauth's own
`reauthentication_required` is not used: it takes a password for an answer and keeps what was posted in the session.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse

from studyportal.accounts.access import StudyRequest
from studyportal.accounts.models import ApiToken
from studyportal.accounts.second_factor import CodeAgainForm
from studyportal.errors import NotPermitted

P = ParamSpec("P")
PREFIX = "confirm"
CONFIRM_FIRST = "Confirm that it is you first: open the page in the browser, enter the code, then ask again."


def is_asked_for() -> bool:
    """Whether this door asks for a fresh second factor: the vault, wherever second factors are required."""
    return bool(settings.PORTAL_DOOR == ApiToken.Door.VAULT and settings.PORTAL_REQUIRE_SECOND_FACTOR)


def stepped_up(request: HttpRequest) -> bool:
    """Whether the second factor was shown in this sign-in within the last `PORTAL_STEP_UP_SECONDS`.

    True as well where this door asks for none.
    """
    if not is_asked_for():
        return True
    shown = [
        record["at"]
        for record in get_authentication_records(request, request.user)
        if record.get("method") == "mfa" and "at" in record
    ]
    return bool(shown) and time.time() - max(shown) <= settings.PORTAL_STEP_UP_SECONDS


def check_stepped_up(request: HttpRequest) -> None:
    """Refuse where nobody can be asked: answers for scripts.

    Raises:
        NotPermitted: the second factor is not fresh.
    """
    if not stepped_up(request):
        raise NotPermitted(CONFIRM_FIRST)


def steps_up(view: Callable[Concatenate[StudyRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a view run only behind a fresh second factor; stands under `@requires`, so that strangers learn nothing.

    A page asked for in vain leads to the confirmation and back. A form sent in vain is kept: the page that asks for
    the code holds it, and sends it again together with the code.
    """

    @wraps(view)
    def guarded(request: StudyRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not stepped_up(request):
            if request.method != "POST":
                return _led_to_confirmation(request)
            if (asked := _asked_in_place(request)) is not None:
                return asked
        return view(request, *args, **kwargs)

    return guarded


def _led_to_confirmation(request: HttpRequest) -> HttpResponseBase:
    if request.headers.get("Sec-Fetch-Dest") == "empty":  # a script of a page that stayed open; it cannot be led
        return JsonResponse({"detail": CONFIRM_FIRST}, status=403)
    return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': request.get_full_path()})}")


def _asked_in_place(request: StudyRequest) -> HttpResponseBase | None:
    """Return the page that asks for the code and holds what was sent, or None once the code is right."""
    has_code = f"{PREFIX}-code" in request.POST
    form = CodeAgainForm(request.POST if has_code else None, user=request.user, prefix=PREFIX)
    form.fields["code"].label = "6-digit code of your authenticator app, or a recovery code"
    form.fields["code"].widget.attrs = {"autocomplete": "one-time-code", "inputmode": "numeric"}
    if has_code and form.is_valid() and not request.FILES:
        form.save()
        return None
    kept = [(name, value) for name, value in _kept(request.POST) if not _is_password(name)]
    context = {
        "form": form, "kept": kept, "passwords": [name for name in request.POST if _is_password(name)],
        "has_files": bool(request.FILES), "path": request.get_full_path(),
    }  # fmt: skip
    return render(request, "accounts/step_up.html", context, status=422 if has_code else 403)


def _kept(posted: QueryDict) -> list[tuple[str, str]]:
    own = {"csrfmiddlewaretoken", f"{PREFIX}-code"}
    return [(name, str(value)) for name, values in posted.lists() if name not in own for value in values]


def _is_password(name: str) -> bool:
    return "password" in name.lower()
