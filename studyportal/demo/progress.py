"""How far the demo's spectra have come, for the pages that show it."""

from dataclasses import dataclass

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
    held = StudySession.objects.filter(participant__study=study, status=StudySession.Status.COMPLETED)
    done = held.filter(spectra__runs__state=QuantificationRun.State.DONE).distinct()
    return Progress(done.count(), held.count())
