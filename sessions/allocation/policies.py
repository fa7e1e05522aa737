"""What a list must cover and how it may be made: facts of the study's design, none of an allocation."""

import itertools

from sessions.models import Sequence
from studyportal.studies.models import Study

MOST_SLOTS_PER_STRATUM = 500

SEXES = ("F", "M")
PAPER = "paper|"
"""Before the keys of strata whose numbers are printed on emergency sheets and never given online."""


def strata_of(study: Study) -> list[str]:
    """Return the key of every stratum that the study's factors make, such as `01|F`; `all` without factors.

    The keys are those that `sessions.services.randomization.stratum_of` gives to a participant.
    """
    values = {"site": tuple(study.sites.order_by("code").values_list("code", flat=True)), "sex": SEXES}
    keys = ["|".join(key) for key in itertools.product(*(values[factor] for factor in study.strata_factors))]
    return keys if study.strata_factors else ["all"]


def paper_strata_of(study: Study) -> list[str]:
    """Return the key of every stratum that emergency sheets are printed from: one beside each of `strata_of`."""
    return [f"{PAPER}{key}" for key in strata_of(study)]


def sequences_of(study: Study) -> list[str]:
    """Return the codes of the study's sequences in order."""
    return list(Sequence.objects.filter(study=study).order_by("code").values_list("code", flat=True))
