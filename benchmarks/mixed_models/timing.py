"""How long a fit takes, tests and coefficients included; statsmodels' MixedLM beside it where it is installed."""

import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from mixed_models.cases import Columns, crossover

from studyportal.reports.analysis.mixed import fit, from_values

PLAIN = "y ~ treatment + factor(period) + (1|id)"
COURSE = "y ~ treatment*block + factor(period) + (1|id) + (1|id:session)"


def timings() -> list[dict[str, Any]]:
    """Return the median time of each question in milliseconds, with its bar."""
    rng = np.random.default_rng(1)
    small = crossover(rng, ["AB", "BA"], 26, 1.0, session=0.5)
    course = crossover(rng, ["AB", "BA"], 26, 1.0, session=0.5, repeats=6)
    large = crossover(rng, ["AB", "BA"], 1000, 1.0, session=0.5, repeats=6)
    rows = []
    for what, columns, formula, bar, times in (
        ("26 participants, 2 rows each", small, PLAIN, 20, 30),
        ("26 participants, 12 rows each, two intercepts", course, COURSE, 20, 30),
        ("1,000 participants, 12 rows each", large, PLAIN, 1000, 5),
        ("1,000 participants, 12 rows each, two intercepts", large, COURSE, 1000, 5),
    ):
        table = from_values(columns)
        for method in ("kenward-roger", "satterthwaite"):
            milliseconds = _median(lambda t=table, f=formula, m=method: fit(t, f, method=m), times)
            rows.append({"what": f"{what}, {method}", "milliseconds": milliseconds, "bar": bar})
    for what, columns in (("26 participants, 2 rows each", small), ("1,000 participants, 12 rows each", large)):
        rows.extend(_statsmodels(what, columns))
    return rows


def _median(work: Callable[[], object], times: int) -> float:
    work()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - start))
    return statistics.median(found)


def _statsmodels(what: str, columns: Columns) -> list[dict[str, Any]]:
    if importlib.util.find_spec("statsmodels") is None:
        return []
    import pandas as pd  # noqa: PLC0415
    from statsmodels.formula.api import mixedlm  # noqa: PLC0415

    frame = pd.DataFrame(columns)

    def work() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return mixedlm("y ~ treatment + C(period)", frame, groups=frame["id"]).fit()

    milliseconds = _median(work, 3)
    ours = fit(from_values(columns), PLAIN, method="satterthwaite")
    p = work().pvalues["treatment[T.B]"]
    name = "treatmentB"
    mine = next(one for one in ours.coefficients if one.name == name)
    return [
        {
            "what": f"{what}, statsmodels MixedLM (z test, P {p:.4g}; ours {mine.p:.4g})",
            "milliseconds": milliseconds,
            "bar": "none",
        }
    ]
