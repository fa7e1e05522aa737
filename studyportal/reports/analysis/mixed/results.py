"""What a fit tells."""

from collections.abc import Callable
from dataclasses import dataclass, field

from studyportal.reports.analysis.mixed.degrees import Method
from studyportal.reports.analysis.mixed.design import Basis, Columns
from studyportal.reports.analysis.mixed.formula import Formula
from studyportal.reports.analysis.mixed.frame import Frame
from studyportal.reports.analysis.mixed.table import Array


@dataclass(frozen=True, slots=True)
class TermTest:
    """The type III test of a term; numbers are NaN where it cannot be estimated."""

    term: str
    F: float
    df1: int
    df2: float
    p: float


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient, or any contrast, with its interval; in the outcome's unit."""

    name: str
    estimate: float
    se: float
    df: float
    t: float
    p: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Variance:
    """A variance component; `levels` is the number of levels of the grouping factor, of rows for the residual."""

    group: str
    variance: float
    sd: float
    levels: int


@dataclass(frozen=True, slots=True)
class State:
    """What further questions about a fit need, such as marginal means.

    Attributes
    ----------
    columns
        All fixed columns, aliased ones among them; `basis.kept` says which were fitted.
    beta, covariance
        Coefficients in the orthonormal basis.
    """

    formula: Formula
    frame: Frame
    columns: Columns
    basis: Basis
    coding: str
    beta: Array
    covariance: Array
    degrees: Callable[[Array], float]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted mixed model.

    Attributes
    ----------
    criterion
        The deviance (minus twice the log-likelihood), restricted or not, as lme4 gives it.
    theta
        Standard deviations of the random intercepts over that of the residual.
    singular
        Whether a variance is estimated as zero: a theta below 1e-4.
    dropped
        Rows left out, as a value is missing.
    notes
        What a reader of the numbers should know, in sentences.
    fixed_participants
        The same fixed terms with the levels of the vanished factor as fixed: the paired analysis.
    """

    formula: str
    restricted: bool
    method: Method
    confidence: float
    terms: tuple[TermTest, ...]
    coefficients: tuple[Coefficient, ...]
    variance: tuple[Variance, ...]
    theta: tuple[float, ...]
    singular: bool
    criterion: float
    rows: int
    dropped: int
    notes: tuple[str, ...]
    fixed_participants: "Fit | None"
    state: State = field(repr=False, compare=False)
