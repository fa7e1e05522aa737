"""How study files leave: as attachments that no browser runs or guesses about."""

from django.http import HttpResponse

from sessions.models import QuantificationRun


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


def download_name(run: QuantificationRun, suffix: str) -> str:
    """Name a download by participant and random ids: nothing in it tells one session from the other."""
    return f"{run.spectrum.session.participant.number}_{str(run.spectrum_id)[:8]}_run-{run.ordinal}.{suffix}"
