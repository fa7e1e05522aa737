"""Names the actor of a request before its transaction begins."""

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from studyportal.audit.context import acting


class ActorMiddleware:
    """Write as the signed-in user, or as `anonymous`, for the length of the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request as its actor."""
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]  # read by problem+json and error pages
        user = request.user
        actor = f"user:{user.get_username()}" if user.is_authenticated else "anonymous"
        with acting(actor, request_id=request.request_id):  # type: ignore[attr-defined]
            return self.get_response(request)
