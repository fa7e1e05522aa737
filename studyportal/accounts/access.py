"""Default-deny for pages: every view names its permission, or is in the short public set.

Without the permission a page answers "not found" where the person may not know of it, "not allowed" with a sentence
elsewhere; `is_hidden` is the rule, for pages and API alike.

The study of a request is the one chosen at sign-in (`StudyMiddleware`); rows are scoped to it by the selectors.
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponseBase

from studyportal.accounts.models import User
from studyportal.accounts.roles import BLINDED_ROLES, KNOWN_TO_RATERS, UNBLINDED_ROLES, Permission, Role
from studyportal.accounts.selectors import refusal
from studyportal.studies.models import Study


class StudyRequest(HttpRequest):
    """A request of a signed-in member of a study: what `requires` promises to the views under it."""

    user: User
    study: Study
    roles: frozenset[Role]
    permissions: frozenset[Permission]
    request_id: str


P = ParamSpec("P")


def is_stranger(roles: Collection[Role]) -> bool:
    """Whether none of the roles belongs to the door's side of the blind."""
    side = UNBLINDED_ROLES if settings.PORTAL_DOOR == "vault" else BLINDED_ROLES
    return side.isdisjoint(roles)


def is_hidden(permission: Permission, roles: Collection[Role]) -> bool:
    """Whether what the permission opens answers "not found": the person may not even know of it.

    So it is with everything behind the other door, and for people who only rate with all that is known of participants
    and sessions. Whoever may know a page and merely lacks the permission is told so ("not allowed").
    """
    only_rates = set(roles) == {Role.RATER}
    return is_stranger(roles) or (only_rates and permission not in KNOWN_TO_RATERS)


def requires(
    permission: Permission,
) -> Callable[[Callable[Concatenate[StudyRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Let a view run only for members of the request's study whose roles include `permission`.

    The permission stands on the view as `required_permission`; a test walks both doors' URLs and fails for any view
    that has none and is not public.
    """

    def decorate(view: Callable[Concatenate[StudyRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: StudyRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if permission not in request.permissions:  # read for this very request by `StudyMiddleware`
                if is_hidden(permission, request.roles):
                    raise Http404
                raise refusal(permission, request.study)
            return view(request, *args, **kwargs)

        return _marked(guarded, permission)

    return decorate


def members_only(view: Callable[Concatenate[StudyRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a view run for every signed-in member of the study: the home page and a person's own settings."""

    @wraps(view)
    def guarded(request: StudyRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if is_stranger(request.roles):
            raise Http404
        return view(request, *args, **kwargs)

    return _marked(guarded, "members_only")


def signed_in(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a view run for everyone who is signed in, with or without a study: sign-out, password, second factor."""
    return _marked(view, "signed_in")


def public(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a view run without sign-in: the health check and the sign-in pages."""
    return _marked(login_not_required(view), "public")


def needs_study(view: Callable[..., HttpResponseBase]) -> bool:
    """Whether a view can run only once a study is chosen; API views take theirs from the token."""
    return getattr(view, "required_permission", "public") not in {"public", "signed_in"}


def _marked(view: Callable[..., HttpResponseBase], declared: Any) -> Callable[..., HttpResponseBase]:
    view.required_permission = declared  # type: ignore[attr-defined]  # functions carry attributes; Callable does not say so
    return view
