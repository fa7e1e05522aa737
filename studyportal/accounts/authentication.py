"""API tokens as an authentication class, and the permission that refuses by default."""

from typing import Any

from django.conf import settings
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from studyportal.accounts import tokens
from studyportal.accounts.models import ApiToken, User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.errors import NotPermitted


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
        tokens.mark_used(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Ask for a bearer token."""
        del request
        return "Bearer"


class Refused(BasePermission):
    """The default: nobody."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Refuse."""
        del request, view
        return False


def holding(permission: Permission) -> type[BasePermission]:
    """Return a permission class that lets in holders of `permission` in the token's (or session's) study."""

    class Holding(BasePermission):
        required_permission = permission

        def has_permission(self, request: Request, view: APIView) -> bool:
            """Check the role matrix; a token opens its own study only."""
            del view
            token: Any = request.auth
            study = token.study if isinstance(token, ApiToken) else getattr(request._request, "study", None)  # noqa: SLF001 - DRF has no public name for it
            if not isinstance(request.user, User) or study is None:
                return False
            try:
                check(request.user, permission, study)
            except NotPermitted:
                return False
            return True

    return Holding
