"""What a list must cover and how it may be made: facts of the study's design, none of an allocation."""

import itertools
import math

from sessions.models import Sequence
from studyportal.studies.models import Study

MOST_SLOTS_PER_STRATUM = 500

SEXES = ("F", "M")
FACTORS = ("site", "sex")
"""What a study may be stratified by, or minimize over."""


def levels_of(study: Study) -> dict[str, tuple[str, ...]]:
    """Return the levels of every factor that a participant has from screening on."""
    return {"site": tuple(study.sites.order_by("code").values_list("code", flat=True)), "sex": SEXES}


PAPER = "paper|"
"""Before the keys of strata whose numbers are printed on emergency sheets and never given online."""


def strata_of(study: Study) -> list[str]:
    """Return the key of every stratum that the study's factors make, such as `01|F`; `all` without factors.

    The keys are those that `sessions.services.randomization.stratum_of` gives to a participant.
    """
    values = levels_of(study)
    keys = ["|".join(key) for key in itertools.product(*(values[factor] for factor in study.strata_factors))]
    return keys if study.strata_factors else ["all"]


def expected_in(study: Study) -> dict[str, float]:
    """Return how many participants each stratum expects: the site's target, or its even share, and half of each sex."""
    targets = dict(study.sites.order_by("code").values_list("code", "recruitment_target"))
    whole = sum(targets.values())
    sites = {code: target / whole if whole else 1 / len(targets) for code, target in targets.items()}
    shares = {"site": sites, "sex": dict.fromkeys(SEXES, 1 / len(SEXES))}
    keys = itertools.product(*(shares[factor] for factor in study.strata_factors))
    if not study.strata_factors:
        return {"all": float(study.recruitment_target)}
    return {
        "|".join(key): study.recruitment_target
        * math.prod(shares[factor][level] for factor, level in zip(study.strata_factors, key, strict=True))
        for key in keys
    }


def paper_strata_of(study: Study) -> list[str]:
    """Return the key of every stratum that emergency sheets are printed from: one beside each of `strata_of`."""
    return [f"{PAPER}{key}" for key in strata_of(study)]


def sequences_of(study: Study) -> list[str]:
    """Return the codes of the study's sequences in order."""
    return list(Sequence.objects.filter(study=study).order_by("code").values_list("code", flat=True))
