"""What the analyses find in synthetic studies, beside the bands that the parameters were tuned for (analysis.md).

    ./portal bench bands [--studies 200] [--json]

Exits with 1 when a figure lies outside of what so many studies can tell.
"""

import argparse
import json
import sys
from collections import defaultdict
from statistics import fmean, median

from studyportal.reports.analysis.proportions import is_response
from studyportal.reports.analysis.synthetic import SyntheticParameters, SyntheticStudy, simulate_study
from studyportal.reports.analysis.trial import Analysis, CourseRow, ScoreRow, by_sex, change_score, course, long_scores

# Figure, what it should be, and three standard errors of 200 studies: twelve figures are looked at.
BANDS = {
    "MADRS as published, mean F": (5.3, 1.1),
    "MADRS as published, degrees of freedom": (74, 0.001),
    "MADRS as published, power": (0.60, 0.10),
    "change, power": (0.82, 0.08),
    "Glx, participant intercept, median F": (4.8, 1.3),
    "Glx, participant intercept, power": (0.63, 0.10),
    "Glx, with the session's, power": (0.41, 0.10),
    "sex interaction of Glx, power": (0.27, 0.10),
    "mean change, placebo": (-13.8, 0.3),
    "mean change, naltrexone": (-10.0, 0.3),
    "responders, placebo": (0.51, 0.03),
    "responders, naltrexone": (0.30, 0.03),
}


def scores(study: SyntheticStudy) -> list[ScoreRow]:
    return [
        ScoreRow(
            f"P{one.participant.position}", "", one.period, str(one.pretreatment), one.madrs_before.total,
            one.madrs_after.total, str(one.participant.sex),
        )
        for one in study.sessions
    ]  # fmt: skip


def glx(study: SyntheticStudy) -> list[CourseRow]:
    return [
        CourseRow(f"P{one.participant.position}", "", one.period, str(one.pretreatment), block, value)
        for one in study.sessions
        for block, value in enumerate(one.glx)
    ]


def glx_by_sex(study: SyntheticStudy) -> list[ScoreRow]:
    """Each session's mean after the baseline, as a change from nothing."""
    return [
        ScoreRow(
            f"P{one.participant.position}", "", one.period, str(one.pretreatment), 0.0, fmean(one.glx[1:]),
            str(one.participant.sex),
        )
        for one in study.sessions
    ]  # fmt: skip


def term(analysis: Analysis) -> tuple[float, float, float]:
    test = next(one for one in analysis.fit.terms if one.term == analysis.term)
    return test.F, test.df2, test.p


def figures(studies: int) -> dict[str, float]:
    """Return the figures over so many studies."""
    found: dict[str, list[float]] = defaultdict(list)
    for seed in range(studies):
        study = simulate_study(SyntheticParameters(), seed=seed)
        rows, blocks = scores(study), glx(study)
        statistic, degrees, p = term(long_scores(rows, reference="placebo"))
        found["MADRS as published, mean F"].append(statistic)
        found["MADRS as published, degrees of freedom"].append(degrees)
        found["MADRS as published, power"].append(p < 0.05)
        found["change, power"].append(term(change_score(rows, reference="placebo"))[2] < 0.05)
        statistic, _, p = term(course(blocks, reference="placebo", with_session=False))
        found["Glx, participant intercept, median F"].append(statistic)
        found["Glx, participant intercept, power"].append(p < 0.05)
        found["Glx, with the session's, power"].append(term(course(blocks, reference="placebo"))[2] < 0.05)
        found["sex interaction of Glx, power"].append(term(by_sex(glx_by_sex(study), reference="placebo"))[2] < 0.05)
        for row in rows:
            assert row.before is not None
            assert row.after is not None
            found[f"mean change, {row.treatment}"].append(row.after - row.before)
            found[f"responders, {row.treatment}"].append(is_response(row.before, row.after))
    return {name: median(values) if "median" in name else fmean(values) for name, values in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="portal bench bands", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = figures(options.studies)
    widen = (200 / options.studies) ** 0.5
    rows = [
        {"figure": name, "found": found[name], "band": [value - width * widen, value + width * widen]}
        for name, (value, width) in BANDS.items()
    ]
    outside = [row["figure"] for row in rows if not row["band"][0] <= row["found"] <= row["band"][1]]
    if options.json:
        print(json.dumps({"studies": options.studies, "figures": rows, "outside": outside}, indent=2))
    else:
        for row in rows:
            mark = "outside" if row["figure"] in outside else ""
            print(f"{row['figure']:42}{row['found']:9.3f}   {row['band'][0]:8.3f} to {row['band'][1]:8.3f}  {mark}")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
