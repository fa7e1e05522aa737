"""Data sets to compare on: designs of crossover trials, each drawn anew from a seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

Columns = dict[str, list[object]]
LETTERS = "ABCDEFGH"


@dataclass(frozen=True)
class Case:
    """One data set and the model to fit."""

    name: str
    formula: str
    columns: Columns
    means: str | None = "treatment"
    coding: str = "treatment"
    car: bool = False


def rounded(values: np.ndarray) -> list[object]:
    return [None if np.isnan(one) else round(float(one), 4) for one in values]


def crossover(  # noqa: PLR0917 - a design in one line
    rng: np.random.Generator, sequences: list[str], n: int, between: float, session: float = 0.0, repeats: int = 1,
    effect: float = 0.8, noise: float = 1.0,
) -> Columns:  # fmt: skip
    """Participants in sequences; `repeats` rows a period; carry-over column of the treatment before."""
    columns: Columns = {name: [] for name in ("id", "sequence", "period", "session", "treatment", "carry", "block")}
    columns |= {"sex": [], "age": [], "site": [], "x": [], "y": []}
    for person in range(n):
        sequence = sequences[person % len(sequences)]
        level = rng.normal(0, between)
        sex, age, site = rng.choice(["F", "M"]), round(float(rng.normal(33, 8)), 1), f"S{rng.integers(1, 6)}"
        for period, treatment in enumerate(sequence, start=1):
            shift = rng.normal(0, session)
            for block in range(1, repeats + 1):
                x = round(float(rng.normal(10, 2)), 3)
                y = (
                    20 + level + shift + effect * LETTERS.index(treatment) + 0.4 * period + 0.05 * age + 0.1 * x
                    + 0.3 * (sex == "M") * (treatment == "A") + 0.2 * block + rng.normal(0, noise)
                )  # fmt: skip
                row = {
                    "id": f"P{person + 1:03}", "sequence": sequence, "period": period, "session": f"s{period}",
                    "treatment": treatment, "carry": sequence[period - 2] if period > 1 else "0", "block": f"b{block}",
                    "sex": sex, "age": age, "site": site, "x": x, "y": round(float(y), 4),
                }  # fmt: skip
                for name, value in row.items():
                    columns[name].append(value)
    return columns


def williams(treatments: int) -> list[str]:
    """Return all orders of three treatments, or the Williams square of four."""
    if treatments == 3:
        return ["".join(order) for order in permutations("ABC")]
    return ["ABDC", "BCAD", "CDBA", "DACB"]


def without(columns: Columns, rng: np.random.Generator, share: float, *, blank: bool = False) -> Columns:
    """Take rows away, or blank their outcomes."""
    gone = rng.random(len(columns["y"])) < share
    if blank:
        return columns | {"y": [None if out else y for out, y in zip(gone, columns["y"], strict=True)]}
    return {name: [one for out, one in zip(gone, values, strict=True) if not out] for name, values in columns.items()}


def split_baseline(columns: Columns, rng: np.random.Generator) -> Columns:
    """Add a period baseline, split into the participant's mean and the departure from it."""
    ids = np.array(columns["id"])
    base = np.array(columns["y"], float) * 0.5 + rng.normal(0, 1, len(ids))
    mean = {one: base[ids == one].mean() for one in set(ids.tolist())}
    between = np.array([mean[one] for one in ids.tolist()])
    return columns | {"between": rounded(between), "within": rounded(base - between)}


Maker = Callable[[np.random.Generator, int], tuple[str, Columns]]
P = "factor(period)"


def families() -> dict[str, tuple[Maker, str | None]]:
    """Return the kinds of case: each makes a formula and its data from a generator and the case's number."""
    two, three, four, replicate = ["AB", "BA"], williams(3), williams(4), ["ABAB", "BABA"]
    pairs = ["AB", "BC", "CA", "BA", "CB", "AC"]
    nested = f"y ~ treatment*block + {P} + (1|id) + (1|id:session)"
    flat = f"y ~ treatment + {P} + (1|id) + (1|id:session)"
    slash = "y ~ treatment + session + (1|id/session)"
    course = f"y ~ treatment*block + {P} + (1|id)"
    sizes = (8, 12, 17, 26, 40)

    def plain(formula: str, sequences: list[str], share: float = 0.0, *, blank: bool = False, **how: float) -> Maker:
        def make(rng: np.random.Generator, number: int) -> tuple[str, Columns]:
            options = {"between": 1.5, **how}
            n = int(options.pop("n", sizes[number % len(sizes)]))
            columns = crossover(rng, sequences, n, **options)
            return formula, without(columns, rng, share, blank=blank) if share else columns

        return make

    def with_baseline(rng: np.random.Generator, number: int) -> tuple[str, Columns]:
        columns = split_baseline(crossover(rng, two, sizes[number % 5], 1.5), rng)
        return f"y ~ treatment + {P} + between + within + (1|id)", without(columns, rng, 0.1)

    def movers(rng: np.random.Generator, number: int) -> tuple[str, Columns]:
        columns = crossover(rng, three, 24, 1.0)
        columns["site"] = [f"S{rng.integers(1, 5 + number % 3)}" for _ in columns["site"]]
        shift = {f"S{n}": rng.normal(0, 0.8) for n in range(1, 8)}
        columns["y"] = [round(y + shift[site], 4) for y, site in zip(columns["y"], columns["site"], strict=True)]
        return f"y ~ treatment + {P} + (1|id) + (1|site)", without(columns, rng, 0.1)

    def raters(rng: np.random.Generator, number: int) -> tuple[str, Columns]:
        columns = crossover(rng, two, 14, 1.2, repeats=3)
        columns["rater"] = [f"R{rng.integers(1, 5)}" for _ in columns["y"]]
        return f"y ~ treatment + {P} + (1|id) + (1|rater)", without(columns, rng, 0.15)

    return {
        "complete AB/BA": (plain(f"y ~ treatment + {P} + (1|id)", two), "treatment"),
        "missing periods": (plain(f"y ~ treatment + {P} + (1|id)", two, 0.2), "treatment"),
        "missing outcomes": (plain(f"y ~ treatment + {P} + sequence + (1|id)", two, 0.15, blank=True), "treatment"),
        "unequal sequences": (plain(f"y ~ treatment + {P} + (1|id)", ["AB", "AB", "BA"], 0.1), "treatment"),
        "singular": (plain(f"y ~ treatment + {P} + (1|id)", two, 0.1, between=0.0), "treatment"),
        "near-singular": (plain(f"y ~ treatment + {P} + (1|id)", three, 0.1, between=0.35), "treatment"),
        "strong participants": (plain(f"y ~ treatment + {P} + (1|id)", two, 0.1, between=60.0), "treatment"),
        "sex interaction": (plain(f"y ~ treatment*sex + {P} + (1|id)", two, 0.1), "treatment"),
        "age interaction": (plain(f"y ~ treatment*age + {P} + (1|id)", three, 0.1), "treatment"),
        "three treatments": (plain(f"y ~ treatment + {P} + (1|id)", three, 0.1), "treatment"),
        "four treatments": (plain(f"y ~ treatment + {P} + (1|id)", four, 0.1), "treatment"),
        "three with sequence": (plain(f"y ~ treatment + {P} + sequence + (1|id)", three, 0.1, n=24), "treatment"),
        "carry-over": (plain(f"y ~ treatment + {P} + carry + (1|id)", four, 0.05, n=24), None),
        "incomplete blocks": (plain(f"y ~ treatment + {P} + (1|id)", pairs, 0.05, n=24), "treatment"),
        "replicate 2x2x4": (plain(f"y ~ treatment + {P} + sequence + (1|id)", replicate, 0.08), "treatment"),
        "log outcome": (plain(f"log(y) ~ sequence + treatment + {P} + (1|id)", replicate, 0.08), "treatment"),
        "numeric period": (plain("y ~ treatment + period + (1|id)", four, 0.1), "treatment"),
        "covariate within": (plain(f"y ~ treatment + {P} + x + (1|id)", three, 0.1), "treatment"),
        "covariate interaction": (plain(f"y ~ treatment*x + {P} + (1|id)", three, 0.1, n=17), "treatment"),
        "split baseline": (with_baseline, "treatment"),
        "nested sessions": (plain(nested, two, 0.08, n=12, session=0.7, repeats=4), "treatment"),
        "nested by slash": (plain(slash, three, 0.08, n=12, session=0.7, repeats=3), "treatment"),
        "nested, no session variance": (plain(flat, two, 0.05, n=12, session=0.0, repeats=3), "treatment"),
        "block course as published": (plain(course, two, 0.05, n=12, session=0.3, repeats=6), "treatment"),
        "sites that nest": (plain(f"y ~ treatment + {P} + (1|id) + (1|site)", two, 0.1, n=40), "treatment"),
        "sites that cross": (movers, "treatment"),
        "raters that cross": (raters, "treatment"),
        "interaction of three": (plain("y ~ treatment*sex*block + (1|id)", two, 0.05, n=17, repeats=2), "treatment"),
        "one term": (plain("y ~ treatment + (1|id)", four, 0.1), "treatment"),
        "treatment within sex": (plain("y ~ sex/treatment + (1|id)", three, 0.1, n=17), None),
        "interaction alone": (plain("y ~ sex:treatment + (1|id)", two, 0.1, n=17), None),
        "session by number": (plain("y ~ treatment + session + age + sex + (1|id)", four, 0.2), "treatment"),
    }  # fmt: skip


def cases(each: int, seed: int = 20261126) -> Iterator[Case]:
    """Yield `each` cases of every kind; every third with sum coding."""
    for place, (family, (make, means)) in enumerate(families().items()):
        for number in range(each):
            rng = np.random.default_rng([seed, place, number])
            formula, columns = make(rng, number)
            used = {name: values for name, values in columns.items() if name in formula}
            coding = "sum" if (place + number) % 3 == 2 else "treatment"
            yield Case(f"{family} {number + 1}", formula, used, means, coding, car=family == "treatment within sex")
