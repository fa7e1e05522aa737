"""Mixed models against R's lmerTest, pbkrtest and emmeans, and how long they take.

    ./portal bench mixed [--each 10] [--default-control] [--golden] [--json]

Draws trials of every kind in `mixed_models/cases.py`, fits each in R and here, and prints the largest relative
difference of every kind of number beside its bar; then the time for 26 and for 1,000 participants, with statsmodels'
MixedLM beside it where that is installed. Times are medians; the processor's is held against
the bar. Exits with 1 when a bar is missed. Without R (packages lmerTest, pbkrtest,
emmeans, car and jsonlite) the comparison is left out with a sentence. `--golden` writes the golden values of the test
suite anew, from R.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mixed_models.cases import Case, cases
from mixed_models.comparison import BARS, worst
from mixed_models.published import published
from mixed_models.timing import timings

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "tests" / "unit" / "analysis" / "mixed_golden.json"
NEEDED = ("lmerTest", "pbkrtest", "emmeans", "car", "jsonlite")


def missing() -> str | None:
    """Return the sentence for why R cannot be asked, or None."""
    if shutil.which("Rscript") is None:
        return "R is not installed here: the comparison with lmerTest is left out."
    loads = "; ".join(f"stopifnot(requireNamespace('{name}', quietly = TRUE))" for name in NEEDED)
    if subprocess.run(["Rscript", "-e", loads], capture_output=True, check=False).returncode:
        return f"R lacks one of the packages {', '.join(NEEDED)}: the comparison is left out."
    return None


def ask_r(chosen: list[Case], control: str) -> list[dict[str, Any]]:
    """Return R's answers to the cases."""
    with tempfile.TemporaryDirectory(prefix="mixed-bench-") as name:
        folder = Path(name)
        (folder / "cases.json").write_text(json.dumps([asdict(case) for case in chosen]))
        script = HERE / "mixed_models" / "reference.R"
        subprocess.run(["Rscript", script, "cases.json", "answers.json", control], cwd=folder, check=True)
        answers: list[dict[str, Any]] = json.loads((folder / "answers.json").read_text())
    return answers


def compare(chosen: list[Case], answers: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the largest difference of each kind, where it was, and how many cases passed its bar."""
    rows = {kind: {"bar": bar, "worst": 0.0, "where": "", "cases": 0, "missed": 0} for kind, bar in BARS.items()}
    for case, answer in zip(chosen, answers, strict=True):
        if "error" in answer:
            sys.stderr.write(f"R could not fit {case.name}: {answer['error']}\n")
            continue
        for kind, (difference, place) in worst(asdict(case), answer).items():
            row = rows[kind]
            row["cases"] += 1
            row["missed"] += difference > row["bar"]
            if difference > row["worst"]:
                row |= {"worst": difference, "where": f"{case.name}, {place}"}
    return rows


def show(rows: dict[str, dict[str, Any]]) -> None:
    print(f"{'':28}{'bar':>9}{'largest':>11}{'cases':>8}{'missed':>8}  where")
    for kind, row in rows.items():
        print(f"{kind:28}{row['bar']:9.0e}{row['worst']:11.1e}{row['cases']:8}{row['missed']:8}  {row['where']}")


def write_golden() -> None:
    """Write the golden values: one case of every kind, and published data sets."""
    chosen = [*cases(1, seed=7), *published()]
    answers = ask_r(chosen, "tight")
    pairs = [{"case": asdict(case), "answer": answer} for case, answer in zip(chosen, answers, strict=True)]
    GOLDEN.write_text(json.dumps(pairs, separators=(",", ":"), ensure_ascii=False) + "\n")
    print(f"{len(pairs)} cases written to {GOLDEN.relative_to(HERE.parent)}.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="portal bench mixed", description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=10, help="trials of every kind")
    parser.add_argument("--default-control", action="store_true", help="let lmer stop where it stops by itself")
    parser.add_argument("--golden", action="store_true", help="write the test suite's golden values from R")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    without = missing()
    if options.golden:
        if without:
            print(without)
            return 1
        write_golden()
        return 0
    rows: dict[str, dict[str, Any]] = {}
    if without is None:
        chosen = [*cases(options.each), *published()]
        rows = compare(chosen, ask_r(chosen, "default" if options.default_control else "tight"))
    times = timings()
    if options.json:
        print(json.dumps({"differences": rows, "times": times, "left_out": without}, indent=2))
    else:
        if without:
            print(without)
        else:
            show(rows)
        for row in times:
            wall, processor = row["milliseconds"], row["processor"]
            print(f"{row['what']:78}{wall:10.1f} ms, of the processor {processor:8.1f}  (bar {row['bar']})")
    slow = [row for row in times if isinstance(row["bar"], (int, float)) and row["processor"] > row["bar"]]
    return 1 if slow or any(row["missed"] for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
