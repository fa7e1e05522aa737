"""The analyses' command: a page of text, JSON, or one sentence; it starts without Django."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from studyportal.reports.analysis.command_line import main

ROOT = Path(__file__).resolve().parents[3]
CSV = "id,treatment,period,change\n" + "".join(
    f"P{person},{treatment},{period},{value}\n"
    for person, pairs in enumerate(
        [("AB", 5, 9), ("BA", 7, 4), ("AB", 1, 8), ("BA", 12, 6), ("AB", 6, 5), ("BA", 9, 9)], start=1
    )
    for period, treatment, value in zip((1, 2), pairs[0], pairs[1:], strict=True)
)
FORMULA = "change ~ treatment + period + (1|id)"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(CSV)
    return str(path)


def test_json(table, capsys) -> None:
    assert main(["fit", table, FORMULA, "--json", "--ddf", "satterthwaite", "--means", "treatment"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"method", "terms", "coefficients", "variance", "singular"} <= set(found)
    assert (found["method"], found["estimation"], found["singular"]) == ("satterthwaite", "REML", False)
    assert [set(one) for one in found["terms"]] == [{"term", "F", "df1", "df2", "p"}] * 2
    assert set(found["coefficients"][0]) == {"name", "estimate", "se", "df", "t", "p", "low", "high"}
    assert found["n"] == {"rows": 12, "dropped": 0, "groups": {"id": 6}}
    treatment = found["terms"][0]
    # By hand: differences B - A of 4, 7, -1 in AB and 3, 6, 0 in BA; 19 / 6 with 62.67 / 4 / 4 * (2 / 3) as variance.
    assert treatment["F"] == pytest.approx((19 / 6) ** 2 / (152 / 3 / 4 / 6), rel=1e-6)
    assert treatment["df2"] == pytest.approx(4, rel=1e-6)
    difference = found["means"][0]["differences"][0]
    assert (difference["name"], difference["estimate"]) == ("A - B", pytest.approx(-19 / 6))
    assert difference["p_adjusted"] == pytest.approx(treatment["p"])


def test_text(table, capsys) -> None:
    assert main(["fit", table, FORMULA, "--means", "treatment"]) == 0
    page = capsys.readouterr().out
    lines = page.splitlines()
    assert lines[0] == f"Linear mixed model   {FORMULA}"
    assert lines[1] == "12 rows, 6 levels of id; restricted maximum likelihood; Kenward-Roger"
    assert "  treatment          4.7500        1     4.00   0.0948" in lines
    assert "Differences (p of each by itself)" in lines
    assert max(map(len, lines)) < 100


def test_text_of_a_singular_fit(tmp_path, capsys) -> None:
    path = tmp_path / "flat.csv"
    # Who is high in one period is low in the other.
    outcomes = [3, 9, 8.5, 4, 7, 5.5, 2.5, 6, 6.5, 4.5, 5, 8]
    kept = [line.rsplit(",", 1)[0] for line in CSV.splitlines()[1:]]
    rows = [f"{line},{value}" for line, value in zip(kept, outcomes, strict=True)]
    path.write_text("\n".join(["id,treatment,period,change", *rows, "P7,A,1,"]) + "\n")
    assert main(["fit", str(path), FORMULA]) == 0
    page = capsys.readouterr().out
    assert "1 row was left out" in page
    assert "The same with fixed levels of id: only comparisons within them count (the paired analysis)" in page
    assert main(["fit", str(path), FORMULA, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["singular"] is True
    assert set(found["fixed_participants"]) == {"terms", "coefficients", "variance", "notes"}


def test_maximum_likelihood_from_standard_input(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(CSV.encode())))
    assert main(["fit", "-", FORMULA, "--ml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["estimation"], found["method"]) == ("ML", "satterthwaite")


def test_a_refusal_is_one_sentence(table, capsys) -> None:
    assert main(["fit", table, "change ~ dose + (1|id)"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "There is no column “dose” in the table; its columns are id, treatment, period, change.\n"


def test_it_runs_alone(table) -> None:
    """No Django, no settings, no scipy.stats, no pandas: what takes long to load is left out."""
    code = (
        "import sys; from studyportal.reports.analysis.command_line import main; "
        f"code = main(['fit', {table!r}, {FORMULA!r}, '--json']); "
        "sys.exit(','.join({'django', 'pandas', 'scipy.stats', 'formulaic'} & set(sys.modules)) or code)"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b"")
    module = [sys.executable, "-m", "studyportal.reports.analysis", "fit", "none.csv", FORMULA]
    missing = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (missing.returncode, missing.stderr) == (2, "“none.csv” cannot be opened: no such file or directory.\n")
