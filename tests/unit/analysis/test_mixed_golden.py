"""Mixed models against lmerTest, pbkrtest and emmeans; R's values, written by `./portal bench mixed --golden`."""

import json
from pathlib import Path

import pytest

from benchmarks.mixed_models.comparison import BARS, worst

PAIRS = json.loads((Path(__file__).parent / "mixed_golden.json").read_text())


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["case"]["name"] for pair in PAIRS])
def test_as_in_r(pair) -> None:
    """Estimates, errors, F, both kinds of degrees of freedom, marginal means and differences, within a millionth."""
    found = worst(pair["case"], pair["answer"], tukey=False)
    assert {"estimate", "SE", "Kenward-Roger df", "Satterthwaite df, one", "SD", "structure"} <= set(found)
    # Far below the bars of the benchmark: R was asked to search to the end.
    assert {kind: how for kind, how in found.items() if how[0] > min(BARS[kind], 2e-5)} == {}
