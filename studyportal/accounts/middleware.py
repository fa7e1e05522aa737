"""Which study a request is about, and what its person may do there."""

from collections.abc import Callable
from urllib.parse import urlencode

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from studyportal.accounts.access import needs_study
from studyportal.accounts.models import User
from studyportal.accounts.second_factor import has_passed
from studyportal.accounts.selectors import permissions_in, roles_of, studies_of
from studyportal.studies.models import Study

STUDY_KEY = "study"


class StudyMiddleware:
    """Set `request.study`, `request.roles` and `request.permissions` for signed-in members.

    A member of one study has it chosen; of several, picks once per sign-in. Somebody without any membership gets the
    page that says so. Where `PORTAL_REQUIRE_SECOND_FACTOR` is on, no session reaches a study before it passed one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on; the work is done when the view is known."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: object, kwargs: object
    ) -> HttpResponseBase | None:
        """Choose the study before the view runs; views that need none declare it."""
        del args, kwargs
        request.study, request.roles, request.permissions = None, frozenset(), frozenset()  # type: ignore[attr-defined]
        if not isinstance(request.user, User):
            return None
        if settings.PORTAL_REQUIRE_SECOND_FACTOR and needs_study(view) and (led := _to_second_factor(request)):
            return led
        study = _chosen(request, list(studies_of(request.user)[:50]))
        if study is not None:
            roles = roles_of(request.user, study)
            request.study, request.roles = study, roles  # type: ignore[attr-defined]
            request.permissions = permissions_in(roles)  # type: ignore[attr-defined]
        elif needs_study(view):
            return HttpResponseRedirect(reverse("choose-study"))
        return None


def _to_second_factor(request: HttpRequest) -> HttpResponseRedirect | None:
    """Lead a session without second factor to one; at the vault there is no way to a first one but a link."""
    if not is_mfa_enabled(request.user):
        if settings.PORTAL_DOOR == "vault":
            logout(request)
            return HttpResponseRedirect(reverse("account_login"))
        return HttpResponseRedirect(reverse("mfa_activate_totp"))
    if isinstance(request.user, User) and not has_passed(request, request.user):
        back = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{back}")
    return None


def _chosen(request: HttpRequest, studies: list[Study]) -> Study | None:
    """Return the study picked at sign-in, or the only one."""
    picked = request.session.get(STUDY_KEY)
    return next((study for study in studies if str(study.pk) == picked), studies[0] if len(studies) == 1 else None)
