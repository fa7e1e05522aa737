"""Verify a trial's randomization, or the proof of one slot, with nothing but Python 3.10 or later.

    python verify.py study-bundle.json [--root PUBLISHED_ROOT ...] [--chain PUBLISHED_CHAIN]
    python -m sessions.randomization.verify study-bundle.json

One file on purpose: copy it anywhere and read it. It shares no code with the program that made the list, so that a
fault there does not repeat here. It derives each list again from its revealed seed (sequences, numbers, nonces) and
each minimization from its seed and the newcomers in their order, computes the commitments, compares all with the
bundle, and checks that places were used up in order. Compare the roots with those that were published before the first
allocation, or give them with --root, one for each list; likewise the chain, published after the study was locked.

Exit code: 0 everything holds, 1 something does not, 2 the file cannot be read.
"""

from __future__ import annotations  # so that an old Python gets as far as the sentence about it

import hashlib
import hmac
import json
import math
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

if sys.version_info < (3, 10):
    print("This file needs Python 3.10 or later: try 'python3.12', or get one from python.org.")
    sys.exit(2)

Bytes = Callable[[int], bytes]
"""Gives the next bytes of a generator, as many as asked for."""

Row = dict[str, Any]
Check = tuple[bool, str]

LONGEST_BLOCK = 10_000
WORD = 0xFFFFFFFF
FEWEST_LEAVES, MOST_LEAVES = 4096, 2**20
TIE = 1e-9
BUNDLE, PROOF = "studyportal-randomization-bundle/1", "studyportal-slot-proof/1"
COURSE, BOUND_PROOF = "studyportal-minimization-bundle/1", "studyportal-slot-proof/2"
STUDY = "studyportal-study-bundle/1"
HEADER_NAMES = {
    "study", "list", "generator", "method", "parameters", "sequences", "strata", "slots_per_stratum", "taken_numbers",
    "seed_sha256",
}  # fmt: skip
BUNDLE_NAMES = {"format", "header", "commits_to", "root", "seed", "slots", "allocations", "digest"}
PROOF_NAMES = {"format", "study", "list", "root", "count", "position", "slot", "path", "digest"}
COURSE_NAMES = {"format", "header", "commits_to", "root", "seed", "newcomers", "digest"}
NEWCOMER_NAMES = {"participant", "number", "ordinal", "levels", "sequence"}
STUDY_NAMES = {"format", "study", "lists", "allocations", "mirrored", "chain", "digest"}
PAPER = "paper|"
MIRRORED_NAMES = {"participant", "number", "replaced"}
STEP_NAMES = {"participant", "number", "list", "stratum", "at"}
SLOT_NAMES = {"stratum", "ordinal", "number", "sequence", "nonce"}
ALLOCATION_NAMES = {"participant", "number", "stratum", "ordinal", "sequence"}


class Unreadable(Exception):
    """The file is no bundle and no proof."""


# --- the two generators -----------------------------------------------------------------------------------------------


def hmac_drbg(seed: bytes, name: bytes) -> Bytes:
    """Return a function that gives the next bytes of HMAC_DRBG with SHA-256 (NIST SP 800-90A, 10.1.2)."""
    state = {"key": bytes(32), "value": b"\x01" * 32}

    def mac(message: bytes) -> bytes:
        return hmac.new(state["key"], message, hashlib.sha256).digest()

    def update(provided: bytes) -> None:
        state["key"] = mac(state["value"] + b"\x00" + provided)
        state["value"] = mac(state["value"])
        if provided:
            state["key"] = mac(state["value"] + b"\x01" + provided)
            state["value"] = mac(state["value"])

    def generate(length: int) -> bytes:
        output = b""
        while len(output) < length:
            state["value"] = mac(state["value"])
            output += state["value"]
        update(b"")
        return output[:length]

    update(seed + name)
    return generate


def chacha20(seed: bytes, name: bytes) -> Bytes:
    """Return a function that gives the next bytes of ChaCha20 (RFC 8439), key HMAC-SHA-256(seed, use), nonce 0."""
    key = struct.unpack("<8I", hmac.new(seed, b"chacha20:" + name, hashlib.sha256).digest())
    counter, left = 0, b""

    def block(number: int) -> bytes:
        start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *key, number, 0, 0, 0]
        words = start[:]
        for turn in range(80):
            column, shift = turn % 4, (turn // 4) % 2
            a, b, c, d = (4 * row + (column + shift * row) % 4 for row in range(4))
            for to, of, at, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                words[to] = (words[to] + words[of]) & WORD
                turned = words[at] ^ words[to]
                words[at] = (turned << bits | turned >> (32 - bits)) & WORD
        return struct.pack("<16I", *((one + other) & WORD for one, other in zip(words, start, strict=True)))

    def generate(length: int) -> bytes:
        nonlocal counter, left
        while len(left) < length:
            left += block(counter)
            counter += 1
        taken, left = left[:length], left[length:]
        return taken

    return generate


GENERATORS = {"hmac-drbg-sha256": hmac_drbg, "chacha20": chacha20}


def below(generate: Bytes, bound: int) -> int:
    """Return an even draw from 0..bound-1: the fewest whole bytes, masked, drawn again when too large."""
    if bound < 1:
        raise ValueError("nothing to draw from")
    bits = (bound - 1).bit_length()
    while True:
        drawn = int.from_bytes(generate(max(1, (bits + 7) // 8)), "big") & ((1 << bits) - 1)
        if drawn < bound:
            return drawn


def draw(generate: Bytes, items: list[str], count: int) -> list[str]:
    """Take `count` items at random from the end forwards (Fisher and Yates)."""
    for last in range(len(items) - 1, len(items) - 1 - count, -1):
        other = below(generate, last + 1)
        items[last], items[other] = items[other], items[last]
    return items[len(items) - count :][::-1]


# --- the methods ------------------------------------------------------------------------------------------------------


def simple(generate: Bytes, codes: list[str], length: int, parameters: Row) -> list[str]:
    """Independent draws in the given shares."""
    lots = [code for code, share in zip(codes, shares(codes, parameters), strict=True) for _ in range(share)]
    return [lots[below(generate, len(lots))] for _ in range(length)]


def permuted_blocks(generate: Bytes, codes: list[str], length: int, parameters: Row) -> list[str]:
    """Shuffled blocks; each block's size is drawn from the sizes."""
    parts, sizes = shares(codes, parameters), parameters["block_sizes"]
    if any(not 0 < size <= LONGEST_BLOCK or size % sum(parts) for size in sizes):
        raise ValueError("a block size is impossible")
    made: list[str] = []
    while len(made) < length:
        size = sizes[below(generate, len(sizes))]
        block = [code for code, share in zip(codes, parts, strict=True) for _ in range(share)] * (size // sum(parts))
        draw(generate, block, len(block) - 1)
        made += block
    return made[:length]


def big_stick(generate: Bytes, codes: list[str], length: int, parameters: Row) -> list[str]:
    """Fair draws among the codes that are less than the tolerance ahead of the rarest."""
    counts, made = dict.fromkeys(codes, 0), list[str]()
    for _ in range(length):
        rarest = min(counts.values())
        free = [code for code in codes if counts[code] - rarest < parameters.get("tolerance", 3)]
        made.append(free[below(generate, len(free))])
        counts[made[-1]] += 1
    return made


def shares(codes: list[str], parameters: Row) -> list[int]:
    """Return the share of each code."""
    given = parameters.get("ratio") or [1] * len(codes)
    if any(not 0 < share <= LONGEST_BLOCK for share in given):
        raise ValueError("a share is impossible")
    return list(given)


METHODS = {"simple": simple, "permuted_blocks": permuted_blocks, "big_stick": big_stick}


def derive(header: Row, seed: bytes, slots: list[Row]) -> list[Row]:
    """Return the slots as the seed gives them. Of an uploaded list: its nonces, and its numbers unless it had them."""
    start = GENERATORS[header["generator"]]
    if header["method"] == "uploaded_list":
        codes = {key: [s["sequence"] for s in slots if s["stratum"] == key] for key in header["strata"]}
    else:
        method, length = METHODS[header["method"]], header["slots_per_stratum"]
        if length * len(header["strata"]) != len(slots):
            return []
        codes = {
            key: method(start(seed, f"stratum:{key}".encode()), header["sequences"], length, header["parameters"])
            for key in header["strata"]
        }
    places = [(key, at, code) for key, own in codes.items() for at, code in enumerate(own, start=1)]
    if header["parameters"].get("has_own_numbers"):
        numbers = [slot["number"] for slot in slots]
    else:
        taken = set(header["taken_numbers"])
        digits = max(4, len(str((len(places) + len(taken)) * 4)))
        pool = [f"R-{n}" for n in range(10 ** (digits - 1), 10**digits) if f"R-{n}" not in taken]
        numbers = draw(start(seed, b"numbers"), pool, len(places))
    nonces = start(seed, b"nonces")
    return [
        {"stratum": key, "ordinal": at, "number": number, "sequence": code, "nonce": nonces(32).hex()}
        for (key, at, code), number in zip(places, numbers, strict=True)
    ]


def minimized(header: Row, seed: bytes, newcomers: list[Row]) -> list[str]:
    """Return what each newcomer is given (Pocock and Simon): the least imbalance is preferred, by a biased coin."""
    codes, settings = header["sequences"], header["parameters"]
    factors, weights = settings["factors"], settings.get("weights", {})
    coin = Fraction(str(settings.get("probability", "0.8")))
    if len(codes) < 2 or len(set(codes)) != len(codes) or not Fraction(1, 2) < coin < 1:
        raise ValueError("the settings of the minimization are impossible")
    spread = SPREADS[settings.get("measure", "range")]
    counts = {(factor, level): [0] * len(codes) for factor, levels in factors.items() for level in levels}
    given = []
    for ordinal, newcomer in enumerate(newcomers, start=1):
        levels = newcomer["levels"]
        if set(levels) != set(factors):
            raise ValueError("a newcomer has other factors than the settings")
        own = [(weights.get(factor, 1), counts[factor, level]) for factor, level in levels.items()]
        totals = []
        for place in range(len(codes)):
            after = [(weight, [*row[:place], row[place] + 1, *row[place + 1 :]]) for weight, row in own]
            totals.append(math.fsum(weight * spread(row) for weight, row in after))
        odds = [coin if total - min(totals) < TIE else (1 - coin) / (len(codes) - 1) for total in totals]
        lots = [share / sum(odds) for share in odds]
        whole = math.lcm(*(lot.denominator for lot in lots))
        left = below(GENERATORS[header["generator"]](seed, f"minimization:{ordinal}".encode()), whole)
        place = 0
        while left >= lots[place] * whole:
            left -= int(lots[place] * whole)
            place += 1
        given.append(codes[place])
        for _, row in own:
            row[place] += 1
    return given


def variance(counts: list[int]) -> float:
    """Return the variance of the counts as a whole population."""
    return (len(counts) * sum(count * count for count in counts) - sum(counts) ** 2) / len(counts) ** 2


SPREADS: dict[str, Callable[[list[int]], float]] = {
    "range": lambda counts: float(max(counts) - min(counts)),
    "variance": variance,
    "sd": lambda counts: math.sqrt(variance(counts)),
}


# --- the commitment ---------------------------------------------------------------------------------------------------


def canonical(value: object) -> bytes:
    """Return the JSON text that is hashed: sorted names, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sha256(prefix: int, *parts: bytes) -> bytes:
    """Return SHA-256 over a prefix (0 leaf, 1 node, 2 header, 3 seed, 4 terms, 5 link, 6 dummy) and the parts."""
    return hashlib.sha256(bytes([prefix]) + b"".join(parts)).digest()


def slot_leaf(slot: Row) -> bytes:
    """Return the hash of a slot."""
    return sha256(0, canonical([slot[name] for name in ("stratum", "ordinal", "number", "sequence", "nonce")]))


def merkle(leaves: list[bytes]) -> bytes:
    """Return the root of the tree of RFC 6962: split at the largest power of two below the number of leaves."""
    if not leaves:
        raise ValueError("there is no row")
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(1, merkle(leaves[:half]), merkle(leaves[half:]))


def climb(node: bytes, position: int, count: int, path: list[bytes]) -> bytes | None:
    """Return the root that a leaf and its siblings, from the leaf upwards, lead to; None where they do not fit."""
    if count == 1:
        return None if path else node
    half = 1 << ((count - 1).bit_length() - 1)
    if not path:
        return None
    if position < half:
        below_it = climb(node, position, half, path[:-1])
        return below_it and sha256(1, below_it, path[-1])
    below_it = climb(node, position - half, count - half, path[:-1])
    return below_it and sha256(1, path[-1], below_it)


def terms_of(header: Row) -> str:
    """Return the digest of how a list was made without study and list, in hex."""
    return sha256(4, canonical({name: header[name] for name in header if name not in {"study", "list"}})).hex()


def binding(document: Row, terms: str) -> bytes:
    """Return the hash that binds a commitment to the study and the list that it was made for."""
    return sha256(2, canonical([document["study"], document["list"], terms]))


def committed(header: Row, commits_to: str, seed: bytes, leaves: list[bytes]) -> bytes:
    """Return the root: bound to study and list, over header and rows, over the rows, or over the seed alone."""
    if commits_to == "bound":
        bound = binding(header, terms_of(header))
        if not leaves:
            return bound
        size = FEWEST_LEAVES
        while size < len(leaves):
            size *= 2
        dummies = [sha256(6, seed, struct.pack(">I", at)) for at in range(size - len(leaves))]
        return sha256(1, bound, merkle(sorted(leaves + dummies)))
    if commits_to == "list":
        return merkle([sha256(2, canonical(header)), *leaves])
    if commits_to == "slots":
        return merkle(leaves)
    if commits_to == "seed" and not leaves:
        return sha256(3, seed)
    raise Unreadable("commits_to is none of bound, list, slots and seed")


# --- reading and checking ---------------------------------------------------------------------------------------------


def read(content: bytes) -> Row:
    """Return the document of a file; refuse names that stand twice, numbers that are not whole, other forms."""

    def once(pairs: list[tuple[str, Any]]) -> Row:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Unreadable("a name stands twice")
        return dict(pairs)

    def refuse(text: str) -> None:
        raise Unreadable(text + " is no whole number")

    try:
        document: Any = json.loads(content.decode(), object_pairs_hook=once, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        msg = f"it is not JSON ({error})"
        raise Unreadable(msg) from None
    if not isinstance(document, dict):
        raise Unreadable("it is no JSON object")
    check_form(document)
    return document


def check_form(document: Row) -> None:
    """Refuse a document that does not have exactly the names of its form, also in its rows."""
    form = document.get("format")
    if form not in FORMS:
        raise Unreadable("it is neither a bundle nor a proof that this file knows")
    names, parts = FORMS[form]
    check_names(document, names, "the bundle" if form not in {PROOF, BOUND_PROOF} else "the proof")
    for part, own in parts.items():
        if isinstance(document[part], dict):
            check_names(document[part], own, f"the {part}")
            continue
        for place, row in enumerate(document[part], start=1):
            check_names(row, own, f"{part} row {place}")
    for inner in document["lists"] if form == STUDY else ():
        if not isinstance(inner, dict) or inner.get("format") not in {BUNDLE, COURSE}:
            raise Unreadable("one of its lists is no bundle of a list")
        check_form(inner)


FORMS: dict[object, tuple[set[str], dict[str, set[str]]]] = {
    BUNDLE: (BUNDLE_NAMES, {"header": HEADER_NAMES, "slots": SLOT_NAMES, "allocations": ALLOCATION_NAMES}),
    COURSE: (COURSE_NAMES, {"header": HEADER_NAMES, "newcomers": NEWCOMER_NAMES}),
    STUDY: (STUDY_NAMES, {"allocations": STEP_NAMES, "mirrored": MIRRORED_NAMES}),
    PROOF: (PROOF_NAMES, {"slot": SLOT_NAMES}),
    BOUND_PROOF: (PROOF_NAMES | {"terms_sha256"}, {"slot": SLOT_NAMES}),
}


def check_names(row: object, names: set[str], where: str) -> None:
    """Refuse a part of the document with other names than it must have."""
    if not isinstance(row, dict) or set(row) != names:
        msg = f"{where} does not have exactly the names {', '.join(sorted(names))}"
        raise Unreadable(msg)


def check(document: Row, published: str | Sequence[str] | None = None, chain: str | None = None) -> Iterator[Check]:
    """Yield the checks of a document: whether each holds, and its sentence."""
    roots = [published] if isinstance(published, str) else list(published or ())
    yield unchanged(document), "The file is as it was written."
    if document["format"] == STUDY:
        yield from check_study(document, roots, chain)
        return
    if chain is not None:
        yield False, "The chain is the published one: this file has none."
    if roots:
        yield [document["root"]] == roots, "The root is the published one."
    yield from {BUNDLE: check_bundle, COURSE: check_course}.get(document["format"], check_slot)(document)


def unchanged(document: Row) -> bool:
    """Whether a document has the digest that it names."""
    content = {name: value for name, value in document.items() if name != "digest"}
    return bool(hashlib.sha256(canonical(content)).hexdigest() == document["digest"])


def check_slot(proof: Row) -> Iterator[Check]:
    """Yield the check of one slot's proof; in the second form study and list are proven too."""
    path = [bytes.fromhex(sibling) for sibling in proof["path"]]
    is_bound, root = proof["format"] == BOUND_PROOF, None
    if 0 <= proof["position"] < proof["count"] <= MOST_LEAVES:
        root = climb(slot_leaf(proof["slot"]), proof["position"], proof["count"], path)
    if root and is_bound:
        root = sha256(1, binding(proof, proof["terms_sha256"]), root)
    yield proof["path"] == [sibling.hex() for sibling in path], "The path is written in the one way it must be."
    yield (
        root is not None and root.hex() == proof["root"],
        (
            f"The slot stands in the committed list, and the root was made for study {proof['study']}, "
            f"list {proof['list']}."
            if is_bound
            else "The slot stands in the committed list; the names of study and list beside it are not proven."
        ),
    )


def check_commitment(bundle: Row, leaves: list[bytes]) -> Iterator[Check]:
    """Yield the checks of root and seed."""
    header, seed = bundle["header"], bytes.fromhex(bundle["seed"])
    root = committed(header, bundle["commits_to"], seed, leaves).hex()
    yield root == bundle["root"], "The rows and how they were made give the root."
    yield sha256(3, seed).hex() == header["seed_sha256"], "The seed is the one in the header."
    yield bundle["seed"] == seed.hex(), "The seed is written in the one way it must be."


def check_bundle(bundle: Row) -> Iterator[Check]:
    """Yield the checks of a whole list."""
    header, slots, seed = bundle["header"], bundle["slots"], bytes.fromhex(bundle["seed"])
    if not slots:
        raise ValueError("there is no row")
    yield from check_commitment(bundle, [slot_leaf(slot) for slot in slots])
    yield derive(header, seed, slots) == slots, "The seed gives every row again: sequence, number and nonce."
    yield len({slot["number"] for slot in slots}) == len(slots), "No number stands twice in the list."
    yield from check_allocations(bundle["allocations"], slots, header["strata"])


def check_course(bundle: Row) -> Iterator[Check]:
    """Yield the checks of a minimization: every newcomer is drawn again, in the order in which they came."""
    header, rows = bundle["header"], bundle["newcomers"]
    yield from check_commitment(bundle, [])
    yield header["method"] == "minimization", "The header says that it is a minimization."
    drawn = minimized(header, bytes.fromhex(bundle["seed"]), rows)
    yield drawn == [row["sequence"] for row in rows], "The seed and the newcomers in their order give every sequence."
    yield [row["ordinal"] for row in rows] == list(range(1, len(rows) + 1)), "The newcomers are counted from 1 on."
    yield len({row["participant"] for row in rows}) == len(rows), "Nobody was randomized twice."
    yield len({row["number"] for row in rows}) == len(rows), "No number was given twice."


def check_study(bundle: Row, roots: list[str], chain: str | None) -> Iterator[Check]:
    """Yield the checks of a whole study: each list and course, and the chain of all allocations."""
    own, steps = [one["root"] for one in bundle["lists"]], bundle["allocations"]
    if roots:
        yield sorted(own) == sorted(roots), "The roots are the published ones, none more and none less."
    if chain is not None:
        yield bundle["chain"] == chain, "The chain of allocations is the published one."
    yield chained(steps) == bundle["chain"], "The chain covers every allocation in its order."
    of_study = all(one["header"]["study"] == bundle["study"] for one in bundle["lists"])
    yield of_study, f"Every list was made for study {bundle['study']}."
    yield len({one["header"]["list"] for one in bundle["lists"]}) == len(own), "No list stands twice in the file."
    numbers = [row["number"] for one in bundle["lists"] for row in one.get("slots", one.get("newcomers"))]
    yield len(set(numbers)) == len(numbers), "No number stands in two lists."
    yield len({row["participant"] for row in steps}) == len(steps), "Nobody was allocated from two lists."
    yield [row["at"] for row in steps] == sorted(row["at"] for row in steps), "The allocations stand in order of time."
    told: dict[str, list[Row]] = {one["header"]["list"]: [] for one in bundle["lists"]}
    for row in steps:
        told.setdefault(row["list"], []).append(row)
    for place, one in enumerate(bundle["lists"], start=1):
        given = one.get("allocations", one.get("newcomers"))
        same = [(row["participant"], row["number"], place_of(row)) for row in given]
        ours = [(row["participant"], row["number"], row["stratum"]) for row in told.pop(one["header"]["list"], [])]
        yield same == ours, f"List {place}: its allocations are those of the chain, in the same order."
        yield unchanged(one), f"List {place}: it is as it was written."
        for holds, sentence in check_course(one) if one["format"] == COURSE else check_bundle(one):
            yield holds, f"List {place}: {sentence[0].lower()}{sentence[1:]}"
    yield (
        check_mirrored(bundle["mirrored"], steps, told.pop("", []), set(numbers)),
        ("Every number outside the lists mirrors somebody of them who came earlier."),
    )
    yield not told, "Every allocation belongs to a list of the file."


def check_mirrored(rows: list[Row], steps: list[Row], outside: list[Row], numbers: set[str]) -> bool:
    """Whether the replacements with a sequence of somebody else are those of the chain, each of an earlier person."""
    order = {row["participant"]: place for place, row in enumerate(steps)}
    listed = {row["participant"] for row in steps if row["list"]}
    ours = [(row["participant"], row["number"]) for row in outside]
    return ours == [(row["participant"], row["number"]) for row in rows] and all(
        row["replaced"] in listed and order[row["replaced"]] < order[row["participant"]]
        and row["number"] not in numbers
        for row in rows
    )  # fmt: skip


def place_of(row: Row) -> str:
    """Return what the chain holds of where somebody stood: the stratum, or in a minimization all levels."""
    if "levels" in row:
        return ", ".join(f"{factor}={level}" for factor, level in sorted(row["levels"].items()))
    return str(row["stratum"])


def chained(steps: list[Row]) -> str:
    """Return the head of the chain over the allocations: each link covers the one before."""
    head = bytes(32)
    for row in steps:
        head = sha256(5, head, canonical([row[name] for name in ("participant", "number", "list", "stratum", "at")]))
    return head.hex()


def check_allocations(rows: list[Row], slots: list[Row], strata: list[str]) -> Iterator[Check]:
    """Yield the checks of who got what: places of the list, each once, used from the first on in their order."""
    places = {slot["number"]: {name: slot[name] for name in ALLOCATION_NAMES - {"participant"}} for slot in slots}
    of_list = all(
        places.get(row["number"]) == {name: row[name] for name in row if name != "participant"} for row in rows
    )
    # Numbers on paper may be given out of order, or a whole sheet be replaced; each is a deviation on record.
    online = [key for key in strata if not key.startswith(PAPER)]
    in_order = all(
        [row["ordinal"] for row in rows if row["stratum"] == key]
        == list(range(1, sum(row["stratum"] == key for row in rows) + 1))
        for key in online
    )
    which = "In every stratum" if online == strata else "In every stratum but those of emergency sheets"
    yield of_list, "Every allocation is a row of the list, with its stratum, place and sequence."
    yield len({row["participant"] for row in rows}) == len(rows), "Nobody was allocated twice."
    yield len({row["number"] for row in rows}) == len(rows), "No place was given twice."
    yield in_order, f"{which} the places were used from the first on, none left out."


def plain(value: object) -> str:
    """Return a text that any terminal can show, on one line and without a character that moves or hides others."""
    return ascii(str(value))[1:-1]


def options(arguments: Sequence[str]) -> tuple[str, list[str], str | None] | None:
    """Return the file, the published roots and the published chain of a command line; None where it is no such line."""
    names, roots, chain, left = list[str](), list[str](), None, list(arguments)
    while left:
        one = left.pop(0)
        if one in {"--root", "--chain"}:
            if not left:
                return None
            if one == "--root":
                roots.append(left.pop(0).strip().lower())
            else:
                chain = left.pop(0).strip().lower()
        else:
            names.append(one)
    return (names[0], roots, chain) if len(names) == 1 and not names[0].startswith("-") else None


def main(arguments: Sequence[str]) -> int:
    """Verify the file that is named and say what was found."""
    asked = options(arguments)
    if asked is None:
        print(__doc__)
        return 2
    name, roots, chain = asked
    try:
        with open(name, "rb") as file:  # noqa: PTH123 - nothing beyond what a reader knows
            document = read(file.read())
        found = list(check(document, roots, chain))
    except (OSError, Unreadable) as error:
        print(f"This file cannot be verified: {plain(error)}.")
        return 2
    except (
        ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
    ) as error:  # fmt: skip
        print(f"This file cannot be verified: a value in it is impossible ({type(error).__name__}: {plain(error)}).")
        return 2
    for holds, sentence in found:
        print(f"{'holds' if holds else 'FAILS'}  {plain(sentence)}")
    compare(document, is_root_given=bool(roots), is_chain_given=chain is not None)
    verified = all(holds for holds, _ in found)
    print("Verified." if verified else "NOT verified: the list or the file was changed.")
    return 0 if verified else 1


def compare(document: Row, *, is_root_given: bool, is_chain_given: bool) -> None:
    """Print what is still to be compared by hand: the published values that were not given."""
    if not is_root_given:
        for one in document["lists"] if document["format"] == STUDY else [document]:
            print(f"root   {plain(one['root'])}: compare it with the one published before the first allocation.")
    if document["format"] == STUDY and not is_chain_given:
        print(f"chain  {plain(document['chain'])}: compare it with the one published when the study was locked.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
