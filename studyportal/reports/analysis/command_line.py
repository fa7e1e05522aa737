"""Commands of the analyses; they need a table and nothing else of the portal."""

import argparse
import json
import sys
from collections.abc import Sequence

from studyportal.reports.analysis.mixed import ModelError, fit, marginal_means, parse_csv, read_csv
from studyportal.reports.analysis.mixed.degrees import METHODS
from studyportal.reports.analysis.mixed.report import as_json, as_text

FORMULA_HELP = """\
the formula:
  change ~ treatment + period + (1|id)            a crossover with a participant intercept
  y ~ treatment*block + (1|id) + (1|id:session)   sessions within participants
  log(auc) ~ sequence + treatment + (1|site/id)   nested intercepts, a logarithm
Text columns are factors, their levels in the order of their characters (R's C locale); numbers are covariates, and
factor(period) makes a factor of them. Coefficients are named as in R: treatmentB is level B against the first level.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command; return 0, or 2 when it cannot be done, with a sentence on the error output."""
    options = _parser().parse_args(arguments)
    try:
        table = parse_csv(sys.stdin.buffer.read()) if options.data == "-" else read_csv(options.data)
        found = fit(
            table,
            options.formula,
            method=options.ddf or ("satterthwaite" if options.ml else "kenward-roger"),
            restricted=not options.ml,
            coding=options.coding,
            confidence=options.confidence,
        )
        means = [marginal_means(found, factor, adjustment=options.adjust) for factor in options.means]
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.json:
        sys.stdout.write(json.dumps(as_json(found, means), indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_text(found, means))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m studyportal.reports.analysis", description="Analyses of a crossover trial, from a table."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser(
        "fit",
        help="fit a linear mixed model with random intercepts",
        description="Fit a linear mixed model: REML, type III tests, Kenward-Roger or Satterthwaite.",
        epilog=FORMULA_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.add_argument("data", help="a CSV file with a line of column names; - reads standard input")
    one.add_argument("formula", help="outcome, tilde, terms; see below")
    one.add_argument("--ddf", choices=METHODS, help="degrees of freedom (kenward-roger)")
    one.add_argument("--ml", action="store_true", help="maximum likelihood instead of REML; with Satterthwaite only")
    one.add_argument("--coding", choices=("treatment", "sum"), default="treatment", help="of factors' coefficients")
    one.add_argument("--confidence", type=float, default=0.95, metavar="LEVEL", help="of the intervals (0.95)")
    one.add_argument(
        "--means", action="append", default=[], metavar="FACTOR", help="marginal means and differences; repeat for more"
    )
    one.add_argument("--adjust", choices=("tukey", "bonferroni", "none"), default="tukey", help="p of the differences")
    one.add_argument("--json", action="store_true", help="print JSON")
    return parser
