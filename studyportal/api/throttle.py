"""A small throttle: a script in a loop waits, and is told how long."""

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from studyportal.accounts.models import ApiToken


class PullThrottle(SimpleRateThrottle):
    """So many answers a minute for each token (or person); counted in each web process by itself."""

    scope = "pull"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        """Count by token, else by person."""
        del view
        who = request.auth.pk if isinstance(request.auth, ApiToken) else request.user.pk
        return self.cache_format % {"scope": self.scope, "ident": who}
