"""Rows in, analyses out."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from studyportal.reports.analysis.mixed import Coefficient, Fit, ModelError


class Label(StrEnum):
    """How far an analysis may be taken."""

    DEFAULT = "default"
    AS_PUBLISHED = "as published"
    EXPLORATORY = "exploratory"


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A severity score before and after treatment in one period; None for what was not measured."""

    participant: str
    sequence: str
    period: int
    treatment: str
    before: float | None
    after: float | None
    sex: str | None = None


@dataclass(frozen=True, slots=True)
class CourseRow:
    """One value of a time course; block 0 is the baseline, later blocks follow the start of treatment."""

    participant: str
    sequence: str
    period: int
    treatment: str
    block: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """A mixed model and what it was fitted for.

    Attributes
    ----------
    term
        The term that answers the question, as in `fit.terms`.
    effects
        Differences in the outcome's unit, treatment of interest minus reference.
    """

    key: str
    label: Label
    formula: str
    term: str
    effects: tuple[Coefficient, ...]
    fit: Fit


def other_treatment(treatments: Iterable[str], reference: str) -> str:
    """Return the treatment that is compared with the reference.

    Raises
    ------
    ModelError
        There are not two treatments, or the reference is none of them.
    """
    found = sorted(set(treatments))
    if reference not in found or len(found) != 2:
        msg = f"Two treatments are compared, one of them “{reference}”; the rows have {', '.join(found) or 'none'}."
        raise ModelError(msg)
    return next(one for one in found if one != reference)
