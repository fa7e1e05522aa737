"""Verify a revealed randomization list, or the proof of one slot, with nothing but Python 3.10 or later.

    python verify.py bundle.json [--root PUBLISHED_ROOT]
    python -m sessions.randomization.verify bundle.json [--root PUBLISHED_ROOT]

One file on purpose: copy it anywhere and read it. It shares no code with the program that made the list, so that a
fault there does not repeat here. It derives the list again from the revealed seed (sequences, numbers, nonces),
computes the commitment, compares both with the bundle, and checks that places were used up in order. Compare the root
with the one that was published before the first allocation, or give it with --root.

Exit code: 0 everything holds, 1 something does not, 2 the file cannot be read.
"""

import hashlib
import hmac
import json
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Bytes = Callable[[int], bytes]
"""Gives the next bytes of a generator, as many as asked for."""

Row = dict[str, Any]
Check = tuple[bool, str]

LONGEST_BLOCK = 10_000
WORD = 0xFFFFFFFF
BUNDLE, PROOF = "studyportal-randomization-bundle/1", "studyportal-slot-proof/1"
HEADER_NAMES = {
    "study", "list", "generator", "method", "parameters", "sequences", "strata", "slots_per_stratum", "taken_numbers",
    "seed_sha256",
}  # fmt: skip
BUNDLE_NAMES = {"format", "header", "commits_to", "root", "seed", "slots", "allocations", "digest"}
PROOF_NAMES = {"format", "study", "list", "root", "count", "position", "slot", "path", "digest"}
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


# --- the commitment ---------------------------------------------------------------------------------------------------


def canonical(value: object) -> bytes:
    """Return the JSON text that is hashed: sorted names, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sha256(prefix: int, *parts: bytes) -> bytes:
    """Return SHA-256 over a prefix (0 leaf, 1 node, 2 header, 3 seed) and the parts."""
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
    if document.get("format") == BUNDLE:
        check_names(document, BUNDLE_NAMES, "the bundle")
        check_names(document["header"], HEADER_NAMES, "the header")
        for name, names in (("slots", SLOT_NAMES), ("allocations", ALLOCATION_NAMES)):
            for place, row in enumerate(document[name], start=1):
                check_names(row, names, f"{name} row {place}")
    elif document.get("format") == PROOF:
        check_names(document, PROOF_NAMES, "the proof")
        check_names(document["slot"], SLOT_NAMES, "the slot")
    else:
        raise Unreadable("it is neither a bundle nor a proof that this file knows")
    return document


def check_names(row: object, names: set[str], where: str) -> None:
    """Refuse a part of the document with other names than it must have."""
    if not isinstance(row, dict) or set(row) != names:
        msg = f"{where} does not have exactly the names {', '.join(sorted(names))}"
        raise Unreadable(msg)


def check(document: Row, published: str | None = None) -> Iterator[Check]:
    """Yield the checks of a document: whether each holds, and its sentence."""
    content = {name: value for name, value in document.items() if name != "digest"}
    yield hashlib.sha256(canonical(content)).hexdigest() == document["digest"], "The file is as it was written."
    if published is not None:
        yield document["root"] == published, "The root is the published one."
    yield from (check_bundle if document["format"] == BUNDLE else check_slot)(document)


def check_slot(proof: Row) -> Iterator[Check]:
    """Yield the check of one slot's proof."""
    path = [bytes.fromhex(sibling) for sibling in proof["path"]]
    root = None
    if 0 <= proof["position"] < proof["count"]:
        root = climb(slot_leaf(proof["slot"]), proof["position"], proof["count"], path)
    yield proof["path"] == [sibling.hex() for sibling in path], "The path is written in the one way it must be."
    yield root is not None and root.hex() == proof["root"], "The slot stands in the committed list."


def check_bundle(bundle: Row) -> Iterator[Check]:
    """Yield the checks of a whole list."""
    header, slots, seed = bundle["header"], bundle["slots"], bytes.fromhex(bundle["seed"])
    leaves = [slot_leaf(slot) for slot in slots]
    if bundle["commits_to"] == "list":
        leaves.insert(0, sha256(2, canonical(header)))
    elif bundle["commits_to"] != "slots":
        raise Unreadable("commits_to is neither list nor slots")
    yield merkle(leaves).hex() == bundle["root"], "The rows and how they were made give the root."
    yield sha256(3, seed).hex() == header["seed_sha256"], "The seed is the one in the header."
    yield bundle["seed"] == seed.hex(), "The seed is written in the one way it must be."
    yield derive(header, seed, slots) == slots, "The seed gives every row again: sequence, number and nonce."
    yield len({slot["number"] for slot in slots}) == len(slots), "No number stands twice in the list."
    yield from check_allocations(bundle["allocations"], slots, header["strata"])


def check_allocations(rows: list[Row], slots: list[Row], strata: list[str]) -> Iterator[Check]:
    """Yield the checks of who got what: places of the list, each once, used from the first on in their order."""
    places = {slot["number"]: {name: slot[name] for name in ALLOCATION_NAMES - {"participant"}} for slot in slots}
    of_list = all(
        places.get(row["number"]) == {name: row[name] for name in row if name != "participant"} for row in rows
    )
    in_order = all(
        [row["ordinal"] for row in rows if row["stratum"] == key]
        == list(range(1, sum(row["stratum"] == key for row in rows) + 1))
        for key in strata
    )
    yield of_list, "Every allocation is a row of the list, with its stratum, place and sequence."
    yield len({row["participant"] for row in rows}) == len(rows), "Nobody was allocated twice."
    yield len({row["number"] for row in rows}) == len(rows), "No place was given twice."
    yield in_order, "In every stratum the places were used from the first on, none left out."


def plain(value: object) -> str:
    """Return a text that any terminal can show, on one line and without a character that moves or hides others."""
    return ascii(str(value))[1:-1]


def main(arguments: Sequence[str]) -> int:
    """Verify the file that is named and say what was found."""
    names = [one for at, one in enumerate(arguments) if one != "--root" and arguments[at - 1 : at] != ["--root"]]
    published = arguments[arguments.index("--root") + 1] if "--root" in arguments[:-1] else None
    if len(names) != 1 or ("--root" in arguments and published is None):
        print(__doc__)
        return 2
    try:
        with open(names[0], "rb") as file:  # noqa: PTH123 - nothing beyond what a reader knows
            document = read(file.read())
        found = list(check(document, published))
    except (OSError, Unreadable) as error:
        print(f"This file cannot be verified: {plain(error)}.")
        return 2
    except (
        ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
    ) as error:  # fmt: skip
        print(f"This file cannot be verified: a value in it is impossible ({type(error).__name__}: {plain(error)}).")
        return 2
    for holds, sentence in found:
        print(f"{'holds' if holds else 'FAILS'}  {sentence}")
    if published is None:
        print(f"root   {plain(document['root'])}: compare it with the one published before the first allocation.")
    verified = all(holds for holds, _ in found)
    print("Verified." if verified else "NOT verified: the list or the file was changed.")
    return 0 if verified else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
