"""Who can be deduced by now, joined with the ratings that were made afterwards."""

from dataclasses import dataclass

from ratings.models import Rating
from sessions.allocation.contagion import Deducible, deducible_for
from studyportal.accounts.models import User
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True)
class DeducibleRow:
    """One participant, and the number of signed ratings that began when the treatment could be told."""

    found: Deducible
    later_ratings: int


def deducible_rows(viewer: User, study: Study) -> list[DeducibleRow]:
    """Return everybody who was revealed or can be deduced, in time's order; the look is in the trail first.

    Raises:
        NotPermitted: the role does not include it.
    """
    found = deducible_for(viewer, study)
    begun = Rating.objects.filter(
        status=Rating.Status.SIGNED, assignment__session__participant__study=study,
        assignment__session__participant__number__in=[one.participant for one in found],
    ).values_list("assignment__session__participant__number", "started_at")  # fmt: skip
    return [
        DeducibleRow(one, sum(number == one.participant and at >= one.since for number, at in begun)) for one in found
    ]
