"""Linear mixed models with random intercepts for small trials: REML, type III tests, Kenward-Roger, Satterthwaite.

Formulas and tables are read as data; nothing in them is run. docs/explanation/mixed-models.md tells the formulas and
how they were checked.
"""

from studyportal.reports.analysis.mixed.errors import ModelError
from studyportal.reports.analysis.mixed.means import MarginalMeans, difference, marginal_means
from studyportal.reports.analysis.mixed.model import fit
from studyportal.reports.analysis.mixed.results import Coefficient, Fit, TermTest, Variance
from studyportal.reports.analysis.mixed.table import Column, Table, from_values, parse_csv, read_csv

__all__ = [
    "Coefficient",
    "Column",
    "Fit",
    "MarginalMeans",
    "ModelError",
    "Table",
    "TermTest",
    "Variance",
    "difference",
    "fit",
    "from_values",
    "marginal_means",
    "parse_csv",
    "read_csv",
]
