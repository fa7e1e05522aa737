"""API tokens as an authentication class, and the permissions that refuse by default."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import Http404
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from studyportal.accounts import tokens
from studyportal.accounts.access import is_hidden, is_stranger
from studyportal.accounts.models import ApiToken, User
from studyportal.accounts.roles import Permission, Role
from studyportal.accounts.selectors import can, roles_of
from studyportal.audit.context import acting
from studyportal.studies.models import Study

if TYPE_CHECKING:  # rest_framework.views imports this module for its settings
    from rest_framework.views import APIView


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer sp_...`; a token of the other door is unknown here."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return the token's person, or None when the request brings no token."""
        parts = get_authorization_header(request).decode("latin-1").split()
        if not parts or parts[0].lower() != "bearer":
            return None
        if len(parts) != 2 or (token := tokens.holder(parts[1], door=settings.PORTAL_DOOR)) is None:
            raise AuthenticationFailed(
                "This token is unknown here, expired or revoked. Make a new one on your account page."
            )
        with acting(f"user:{token.user.username}", request_id=getattr(request, "request_id", "")):
            tokens.mark_used(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Ask for a bearer token."""
        del request
        return "Bearer"


def study_of(request: Request) -> Study | None:
    """Return the study of a request: a token's own, else the one chosen at sign-in."""
    token: Any = request.auth
    if isinstance(token, ApiToken):
        return token.study
    return getattr(request._request, "study", None)  # noqa: SLF001 - DRF has no public name for it


class Refused(BasePermission):
    """The default: nobody."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Refuse."""
        del request, view
        return False


class Member(BasePermission):
    """Whoever holds any role in the request's study now."""

    required_permission = "members_only"

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Ask for one living role; for people of the other door there is nothing here."""
        del view
        study = study_of(request)
        if not isinstance(request.user, User) or study is None:
            return False
        roles = roles_of(request.user, study)
        if roles and is_stranger(roles):
            raise Http404
        return bool(roles)


def holding(*permissions: Permission) -> type[BasePermission]:
    """Return a permission class that lets in who holds all of `permissions` in the token's (or session's) study."""

    class Holding(BasePermission):
        required_permission = permissions
        message = "Your role in this study does not include this table. Ask the study's administrator if it should."

        def has_permission(self, request: Request, view: "APIView") -> bool:
            """Check the role matrix; a token opens its own study only. What is hidden answers 404."""
            del view
            user, study = request.user, study_of(request)
            if not isinstance(user, User) or study is None:
                return False
            lacking = [permission for permission in permissions if not can(user, permission, study)]
            roles = roles_of(user, study) if lacking else frozenset[Role]()
            if roles and any(is_hidden(permission, roles) for permission in lacking):
                raise Http404
            return not lacking

    return Holding
