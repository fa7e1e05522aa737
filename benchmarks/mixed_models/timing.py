"""How long a fit takes, tests and coefficients included; statsmodels' MixedLM beside it where it is installed."""

import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from mixed_models.cases import Columns, crossover
from mixed_models.published import published

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
            taken = _median(lambda t=table, f=formula, m=method: fit(t, f, method=m), times)
            rows.append({"what": f"{what}, {method}", **taken, "bar": bar})
    pef = next(case for case in published() if case.name.startswith("PEF"))
    for what, columns, formula in (
        ("13 participants, PEF", pef.columns, "pef ~ treatment + factor(period) + (1|id)"),
        ("1,000 participants, 12 rows each", large, PLAIN),
    ):
        rows.extend(_statsmodels(what, columns, formula))
    return rows


def _median(work: Callable[[], object], times: int) -> dict[str, float]:
    """Return the median wall time, and that of the processor, which a busy machine does not lengthen as much."""
    work()
    wall, processor = [], []
    for _ in range(times):
        start, busy = time.perf_counter(), time.process_time()
        work()
        wall.append(1000 * (time.perf_counter() - start))
        processor.append(1000 * (time.process_time() - busy))
    return {"milliseconds": statistics.median(wall), "processor": statistics.median(processor)}


def _statsmodels(what: str, columns: Columns, formula: str) -> list[dict[str, Any]]:
    if importlib.util.find_spec("statsmodels") is None:
        return []
    import pandas as pd  # noqa: PLC0415
    from statsmodels.formula.api import mixedlm  # noqa: PLC0415

    frame = pd.DataFrame(columns)
    fixed = formula.replace(" + (1|id)", "").replace("factor", "C")

    def work() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return mixedlm(fixed, frame, groups=frame["id"]).fit()

    taken = _median(work, 3)
    ours = next(one for one in fit(from_values(columns), formula).coefficients if one.name.startswith("treatment"))
    p = next(p for name, p in work().pvalues.items() if name.startswith("treatment"))
    return [
        {
            "what": f"{what}, statsmodels MixedLM (z test, P {p:.4g}; ours {ours.p:.4g})",
            **taken,
            "bar": "none",
        }
    ]
