"""Reads at the unblinded door about lists: states and balance of what is left stay at the vault."""

from django.db.models import Count, QuerySet

from sessions.allocation.models import RandomizationList
from studyportal.audit.models import Event
from studyportal.studies.models import Study


def lists_of(study: Study) -> QuerySet[RandomizationList]:
    """Lists of a study with the number of their slots and of those taken."""
    return (
        RandomizationList.objects.filter(study=study)
        .select_related("generated_by", "approved_by")
        .annotate(slots=Count("strata__slots"), allocated=Count("strata__slots__allocation"))
    )


def reveals_of(study: Study) -> QuerySet[Event]:
    """The view log: every reveal and unblinded pull of the study, newest first."""
    names = ["sequences revealed", "participant unblinded", "unblinded report viewed", "unblinded data pulled"]
    return Event.objects.filter(study=study.code, name__in=names).order_by("-at")
