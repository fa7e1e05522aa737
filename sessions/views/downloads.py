"""How study files leave: as attachments that no browser runs or guesses about."""

from django.http import HttpResponse


def attachment(content: bytes | str, name: str, content_type: str) -> HttpResponse:
    """Return bytes as a file to save; the policy opens nothing, should a browser show them after all."""
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )
