"""How far the demo's spectra have come, for the pages that show it."""

from dataclasses import dataclass

from django.db.models import Count, Q

from sessions.models import QuantificationRun, StudySession
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True)
class Progress:
    """Completed sessions of the demo, and those with a finished quantification."""

    done: int
    expected: int

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.done >= self.expected


def progress_of(study: Study) -> Progress:
    """Count; the same for everybody, from rows that everybody's pages count anyway."""
    is_done = Q(spectra__runs__state=QuantificationRun.State.DONE)
    held = StudySession.objects.filter(participant__study=study, status=StudySession.Status.COMPLETED)
    counts = held.aggregate(done=Count("pk", distinct=True, filter=is_done), expected=Count("pk", distinct=True))
    return Progress(**counts)
