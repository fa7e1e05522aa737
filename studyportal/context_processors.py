"""What every page shows of its frame."""

from django.conf import settings
from django.http import HttpRequest

from studyportal.navigation import items


def portal(request: HttpRequest) -> dict[str, object]:
    """Return door, study, roles and the navigation of the person who looks."""
    study = getattr(request, "study", None)
    roles = sorted(getattr(request, "roles", ()))
    return {
        "door": settings.PORTAL_DOOR,
        "treatment_words": "Treatment visible" if settings.PORTAL_DOOR == "vault" else "Treatment hidden",
        "study": study,
        "help_line": settings.PORTAL_HELP_LINE,
        "role_names": ", ".join(role.label for role in roles),
        "perms_held": getattr(request, "permissions", frozenset()),
        "nav_items": items(settings.PORTAL_DOOR, getattr(request, "permissions", frozenset()), request.path),
    }
