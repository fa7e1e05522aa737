"""Lists and kits without a database: how long a list takes to make and to verify, and whether kit numbers tell.

    ./portal bench lists [--rows 10000] [--shipments 10000] [--json]

The time is that of drawing, sealing nothing, and of the stand-alone verifier reading the revealed bundle. The kits are
those of the test suite, made larger: Pearson's chi-square of rank, last digit and parity against the contents, each
below its 99.99 % quantile with fixed seeds.
"""

import argparse
import json
import sys
import time
from collections import Counter

from scipy.stats import chi2_contingency

from sessions.randomization import verify
from sessions.randomization.bundle import AllocatedNumber, ListTerms, reveal_bundle
from sessions.randomization.drbg import HmacDrbg
from sessions.randomization.generate import generate_list
from sessions.randomization.generators import Generator
from sessions.randomization.kits import draw_kits
from sessions.randomization.methods import Method

SEED = bytes(range(32))
STRATA = ("01|F", "01|M", "02|F", "02|M")
SCHEMES = {
    Method.BIG_STICK: {"tolerance": 3},
    Method.PERMUTED_BLOCKS: {"block_sizes": [2, 4]},
    Method.SIMPLE: {},
}
CONTENTS = {"A": 12, "B": 12, "C": 12}


def one_list(method: Method, generator: Generator, rows: int) -> dict[str, object]:
    terms = ListTerms(
        study="BENCH", list_id="1", method=method, parameters=SCHEMES[method], sequences=("AB", "BA"), strata=STRATA,
        slots_per_stratum=rows // len(STRATA), generator=generator,
    )  # fmt: skip
    start = time.perf_counter()
    made = generate_list(
        method=method, parameters=terms.parameters, sequences=terms.sequences, strata=STRATA,
        slots_per_stratum=terms.slots_per_stratum, seed=SEED, generator=generator,
    )  # fmt: skip
    generated = time.perf_counter()
    people = [AllocatedNumber(f"P{at}", slot.number) for at, slot in enumerate(made.slots)]
    content = json.dumps(reveal_bundle(terms, SEED, made, people)).encode()
    written = time.perf_counter()
    holds = all(one for one, _ in verify.check(verify.read(content)))
    return {
        "method": method.value, "generator": generator.value, "rows": len(made.slots),
        "generate_s": round(generated - start, 2), "verify_s": round(time.perf_counter() - written, 2),
        "verified": holds,
    }  # fmt: skip


def kit_tables(shipments: int) -> dict[str, dict[str, float]]:
    seeds = HmacDrbg(b"kits of the benchmark".ljust(32, b"\0"))
    tables: dict[str, Counter[tuple[object, str]]] = {"rank": Counter(), "last digit": Counter(), "parity": Counter()}
    for _ in range(shipments):
        for rank, kit in enumerate(draw_kits(CONTENTS, seed=seeds.generate(32), shipment="1")):
            tables["rank"][rank, kit.treatment] += 1
            tables["last digit"][kit.number[-1], kit.treatment] += 1
            tables["parity"][int(kit.number[6]) % 2, kit.treatment] += 1
    # Ranks of one shipment repel each other, since it has fixed counts: Cochran's Q has (n - 1) / n.
    kits = sum(CONTENTS.values())
    scale = {"rank": (kits - 1) / kits}
    return {
        name: {"chi_square": round(chi_square(table) * scale.get(name, 1), 1), "bound": bound(table)}
        for name, table in tables.items()
    }


def chi_square(table: Counter[tuple[object, str]]) -> float:
    rows, columns = (sorted({key[side] for key in table}, key=str) for side in (0, 1))
    return chi2_contingency([[table[row, column] for column in columns] for row in rows], correction=False).statistic


def bound(table: Counter[tuple[object, str]]) -> float:
    from scipy.stats import chi2  # noqa: PLC0415 - takes longer to import than the lists take to make

    freedom = (len({row for row, _ in table}) - 1) * (len({column for _, column in table}) - 1)
    return round(float(chi2.ppf(0.9999, freedom)), 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--shipments", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lists = [one_list(method, generator, arguments.rows) for method in SCHEMES for generator in Generator]
    for one in lists:
        print(
            f"{one['method']:16} {one['generator']:17} {one['rows']} rows: made in {one['generate_s']} s, "
            f"{'verified' if one['verified'] else 'NOT VERIFIED'} in {one['verify_s']} s"
        )
    kits = kit_tables(arguments.shipments)
    for name, one in kits.items():
        print(f"kits, {name:10} chi-square {one['chi_square']} (bound {one['bound']})")
    passes = all(one["verified"] for one in lists) and all(one["chi_square"] < one["bound"] for one in kits.values())
    if arguments.json:
        print(json.dumps({"lists": lists, "kits": kits, "passes": passes}))
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
