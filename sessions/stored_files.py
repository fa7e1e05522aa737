"""Reads of the watch over stored files, for those who keep it: hashes and kinds, never a participant."""

from dataclasses import dataclass

from django.db.models import QuerySet

from sessions.models import FileAlert, FixityCheck
from sessions.services import quarantine
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True)
class Watch:
    """What the page of stored files shows."""

    last: FixityCheck | None
    open: list[FileAlert]
    mended: list[FileAlert]
    has_quarantine_key: bool


def watch_for(viewer: User, study: Study) -> Watch:
    """Return the last sweep, the open alerts and the latest that were mended.

    Raises:
        NotPermitted: the viewer's role does not include the watch over stored files.
    """
    check(viewer, Permission.STORED_FILES_WATCH, study)
    alerts = FileAlert.objects.filter(study=study)
    return Watch(
        last=FixityCheck.objects.exclude(finished_at=None).order_by("-started_at").first(),
        open=list(open_alerts(study).order_by("-found_at", "sha256")),
        mended=list(alerts.exclude(mended_at=None).order_by("-mended_at", "sha256")[:20]),
        has_quarantine_key=quarantine.has_key(),
    )


def open_alerts(study: Study) -> QuerySet[FileAlert]:
    """Return the study's files that are missing or changed now."""
    return FileAlert.objects.filter(study=study, mended_at=None)


def is_damaged(study: Study, *digests: str) -> bool:
    """Whether one of these files is missing or changed, as far as the last sweep saw."""
    return open_alerts(study).filter(sha256__in=[one for one in digests if one]).exists()
