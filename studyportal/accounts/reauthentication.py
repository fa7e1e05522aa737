"""Sign-in in place: a form whose session ended asks for the password again and then sends what it kept.

The same rules as the sign-in page: django-axes counts wrong passwords, a second factor is asked for where the person
has one, and the session begins anew with a new CSRF token.
"""

import json

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import authenticate, login
from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.http import require_http_methods

from studyportal.accounts.access import public
from studyportal.accounts.doors import refusal_at
from studyportal.accounts.middleware import STUDY_KEY
from studyportal.accounts.models import User
from studyportal.accounts.second_factor import count_wrong_try, opens
from studyportal.accounts.selectors import studies_of

LONGEST = 4096
WRONG = "The password does not match. Your answers are kept on this page; try again."
WRONG_CODE = "The code does not match. Wait for the next one, then try again."


@public
@require_http_methods(["GET", "POST"])
def sign_in_again(request: HttpRequest) -> JsonResponse:
    """GET gives a CSRF token (the old cookie may be gone); POST signs the same person in again."""
    if request.method == "GET":
        return JsonResponse({"csrf_token": get_token(request)})
    said = _said(request)
    username, password, code = said.get("username", ""), said.get("password", ""), said.get("code", "")
    user = authenticate(request, username=username, password=password) if username and password else None
    if not isinstance(user, User):
        return JsonResponse({"detail": WRONG}, status=401)
    if refused := refusal_at(settings.PORTAL_DOOR, user):
        return JsonResponse({"detail": refused}, status=401)
    if is_mfa_enabled(user):
        if not code:
            return JsonResponse({"detail": "Enter the code of your authenticator too.", "needs_code": True}, status=401)
        second = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
        if second is None or not opens(second, code):
            count_wrong_try(request, user)
            return JsonResponse({"detail": WRONG_CODE, "needs_code": True}, status=401)
    login(request, user)
    record_authentication(request, user, "password")
    if is_mfa_enabled(user):
        record_authentication(request, user, "mfa", type=Authenticator.Type.TOTP)
    if said.get("study") in {str(study.pk) for study in studies_of(user)}:
        request.session[STUDY_KEY] = said["study"]
    return JsonResponse({"csrf_token": get_token(request)})


def _said(request: HttpRequest) -> dict[str, str]:
    """Return the texts of the JSON object that was sent; anything else counts as nothing said."""
    try:
        body = json.loads(request.body[:LONGEST])
    except (ValueError, RecursionError):
        return {}
    return {key: value for key, value in body.items() if isinstance(value, str)} if isinstance(body, dict) else {}
