"""Whose sign-in attempt it is, behind our own proxy."""

from django.http import HttpRequest


def behind_proxy(request: HttpRequest) -> str:
    """Return the address that the proxy saw: the last one of X-Forwarded-For, which the proxy itself wrote."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return forwarded.rsplit(",", 1)[-1].strip() or str(request.META.get("REMOTE_ADDR", ""))
