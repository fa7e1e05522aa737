"""The lists whose bytes may never change, each with the design that makes it. `expected` is in golden_lists.json."""

import json
from pathlib import Path

from sessions.randomization.bundle import ListTerms, whole_root
from sessions.randomization.generate import GeneratedList, commit_codes, generate_list
from sessions.randomization.generators import Generator
from sessions.randomization.methods import Method

SEED = bytes(range(32))
FILE = Path(__file__).parents[1] / "unit" / "randomization" / "vectors" / "golden_lists.json"
STRATA = ("01|F", "01|M")

TWO, THREE = ("AB", "BA"), ("ABC", "BCA", "CAB")
DESIGNS = {
    "blocks of 4": (Method.PERMUTED_BLOCKS, {"block_sizes": [4]}, TWO),
    "blocks of 2 or 4": (Method.PERMUTED_BLOCKS, {"block_sizes": [2, 4]}, TWO),
    "blocks of 3 or 6, 2:1": (Method.PERMUTED_BLOCKS, {"block_sizes": [3, 6], "ratio": [2, 1]}, TWO),
    "blocks of 3, three sequences": (Method.PERMUTED_BLOCKS, {"block_sizes": [3]}, THREE),
    "big stick 3": (Method.BIG_STICK, {"tolerance": 3}, TWO),
    "big stick 2, three sequences": (Method.BIG_STICK, {"tolerance": 2}, THREE),
    "simple": (Method.SIMPLE, {}, TWO),
    "simple 3:1": (Method.SIMPLE, {"ratio": [3, 1]}, TWO),
    "uploaded": (Method.UPLOADED_LIST, {"has_own_numbers": False}, TWO),
    "uploaded with numbers": (Method.UPLOADED_LIST, {"has_own_numbers": True}, TWO),
}
TAKEN = ("R-1672", "R-7780")


def terms(name: str, generator: Generator, *, slots: int = 10, strata: tuple[str, ...] = STRATA) -> ListTerms:
    method, parameters, sequences = DESIGNS[name]
    return ListTerms(
        study="DEMO", list_id="list-1", method=method, parameters=parameters, sequences=sequences, strata=strata,
        slots_per_stratum=slots if method.is_drawn_from_seed else 0, generator=generator,
        taken_numbers=TAKEN if name == "blocks of 4" else (),
    )  # fmt: skip


def made(own: ListTerms) -> GeneratedList:
    if own.method is Method.UPLOADED_LIST:
        codes = {key: ["AB", "BA", "BA", "AB", "AB"][: 5 - at] for at, key in enumerate(own.strata)}
        numbers = {key: [f"U{at}{row}" for row in range(len(codes[key]))] for at, key in enumerate(own.strata)}
        has_own = bool(own.parameters["has_own_numbers"])
        return commit_codes(codes, seed=SEED, generator=own.generator, numbers=numbers if has_own else None)
    return generate_list(
        method=own.method, parameters=own.parameters, sequences=own.sequences, strata=own.strata,
        slots_per_stratum=own.slots_per_stratum, seed=SEED, generator=own.generator, taken_numbers=own.taken_numbers,
    )  # fmt: skip


def summary(own: ListTerms) -> dict[str, str]:
    generated = made(own)
    return {
        "codes": " ".join(slot.sequence for slot in generated.slots),
        "numbers": " ".join(slot.number for slot in generated.slots[:4]),
        "last nonce": generated.slots[-1].nonce.hex(),
        "root of the slots": generated.root.hex(),
        "root of the list": whole_root(own, SEED, generated.slots).hex(),
    }


def expected() -> dict[str, dict[str, str]]:
    return json.loads(FILE.read_text())


def written_anew() -> str:
    """What the file would hold now. Written by hand once; a difference later is a broken promise, not a new value."""
    found = {f"{name}, {generator}": summary(terms(name, generator)) for name in DESIGNS for generator in Generator}
    return json.dumps(found, indent=1) + "\n"
