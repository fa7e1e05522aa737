"""The stand-alone verifier: agrees with the program for every method, runs alone, and finds every changed bit."""

import copy
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessions.randomization import verify
from sessions.randomization.bundle import AllocatedNumber, digest, reveal_bundle, slot_proof, whole_root
from sessions.randomization.commitment import leaf, merkle_root
from sessions.randomization.generators import Generator
from tests.factories import golden_lists as golden

ROOT = Path(__file__).resolve().parents[3]
SEED = golden.SEED


def bundle_of(name: str, generator: Generator = Generator.HMAC_DRBG, *, allocated: int = 3, **sizes: object) -> dict:
    own = golden.terms(name, generator, **sizes)
    made = golden.made(own)
    firsts = [slot for slot in made.slots if slot.ordinal <= allocated]
    people = [AllocatedNumber(f"DEMO-{at:03}", slot.number) for at, slot in enumerate(firsts, start=1)]
    return reveal_bundle(own, SEED, made, people)


def holds(document: dict, published: str | None = None) -> bool:
    return all(one for one, _ in verify.check(document, published))


def failing(document: dict, published: str | None = None) -> list[str]:
    return [sentence for one, sentence in verify.check(document, published) if not one]


@pytest.mark.parametrize("generator", list(Generator))
@pytest.mark.parametrize("name", list(golden.DESIGNS))
def test_every_method_is_derived_again(name: str, generator: Generator) -> None:
    bundle = bundle_of(name, generator)
    again = verify.read(json.dumps(bundle).encode())
    assert failing(again, bundle["root"]) == []
    assert len(list(verify.check(again, bundle["root"]))) == 11


def test_a_list_whose_commitment_covers_the_slots_only() -> None:
    own = golden.terms("big stick 3", Generator.HMAC_DRBG)
    made = golden.made(own)
    bundle = reveal_bundle(own, SEED, made, [], commits_to="slots")
    assert bundle["root"] == made.root.hex()
    assert holds(bundle)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 13])
def test_the_tree_is_that_of_rfc_6962(count: int) -> None:
    """Pairs level by level with an odd node moved up, as we make it, is the split at a power of two, as it is read."""
    leaves = [leaf("01", at, f"R-{at}", "AB", bytes([at]) * 32) for at in range(count)]
    assert verify.merkle(leaves) == merkle_root(leaves)


@pytest.mark.parametrize("name", ["big stick 3", "uploaded with numbers"])
def test_one_slot_is_proven_alone(name: str) -> None:
    own = golden.terms(name, Generator.HMAC_DRBG)
    made = golden.made(own)
    root = whole_root(own, SEED, made.slots).hex()
    for slot in made.slots:
        proof = verify.read(json.dumps(slot_proof(own, SEED, made, slot.number)).encode())
        assert failing(proof, root) == []
        others = {one.nonce.hex() for one in made.slots} - {slot.nonce.hex()}
        text = json.dumps(proof)
        assert SEED.hex() not in text
        assert not [nonce for nonce in others if nonce in text]
        assert "parameters" not in text


def test_a_number_of_another_list_has_no_proof_and_no_allocation() -> None:
    own = golden.terms("simple", Generator.HMAC_DRBG)
    made = golden.made(own)
    with pytest.raises(ValueError, match="R-1 is not of this list"):
        slot_proof(own, SEED, made, "R-1")
    with pytest.raises(ValueError, match="R-1 is not of this list"):
        reveal_bundle(own, SEED, made, [AllocatedNumber("P", "R-1")])


# --- tampering --------------------------------------------------------------------------------------------------------


def small() -> dict:
    return bundle_of("blocks of 2 or 4", allocated=2, slots=3, strata=("01",))


def is_refused(content: bytes) -> bool:
    """Whether the file is unreadable or its digest fails, which is the first thing that is checked."""
    try:
        return not next(verify.check(verify.read(content)))[0]
    except (verify.Unreadable, LookupError, TypeError, ValueError):
        return True


@pytest.mark.parametrize("kind", ["bundle", "proof"])
def test_every_flipped_bit_of_a_file_is_found(kind: str) -> None:
    own = golden.terms("simple", Generator.HMAC_DRBG, slots=3, strata=("01",))
    document = (
        small() if kind == "bundle" else slot_proof(own, SEED, golden.made(own), golden.made(own).slots[1].number)
    )
    content = json.dumps(document).encode()
    assert not is_refused(content)
    missed = []
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            if not is_refused(bytes(flipped)):
                missed.append((place, bit))
    assert missed == []


def flips(value: object) -> Iterator[object]:
    """Every value that one flipped bit makes of a text or a whole number."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value ^ (1 << bit) for bit in range(8))
    elif isinstance(value, str):
        raw = value.encode()
        for place in range(len(raw)):
            for bit in range(7):
                yield (raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]).decode()
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from ([*value[:place], other, *value[place + 1 :]] for other in flips(one))
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from (value | {name: other} for other in flips(one))


def found_with_digest_mended(document: dict, root: str) -> bool:
    """Whether somebody is found who changes the file and its digest, but cannot change the published root."""
    document["digest"] = digest(document)
    try:
        return not holds(document, root)
    except (verify.Unreadable, LookupError, TypeError, ValueError):
        return True


@pytest.mark.parametrize("part", ["header", "slots", "seed", "root", "commits_to"])
def test_every_flipped_bit_is_found_even_when_the_digest_is_mended(part: str) -> None:
    original = small()
    tried = 0
    for other in flips(original[part]):
        assert found_with_digest_mended(original | {part: other}, original["root"]), (part, other)
        tried += 1
    assert tried >= {"header": 800, "slots": 1500, "seed": 448, "root": 448, "commits_to": 28}[part]


@pytest.mark.parametrize("name", ["number", "stratum", "ordinal", "sequence"])
def test_every_flipped_bit_of_an_allocation_is_found_with_the_digest_mended(name: str) -> None:
    original = small()
    for place, row in enumerate(original["allocations"]):
        for other in flips(row[name]):
            changed = copy.deepcopy(original)
            changed["allocations"][place][name] = other
            assert found_with_digest_mended(changed, original["root"])


def test_every_flipped_bit_of_a_proof_is_found_with_the_digest_mended() -> None:
    own = golden.terms("simple", Generator.HMAC_DRBG, slots=5, strata=("01",))
    made = golden.made(own)
    original = slot_proof(own, SEED, made, made.slots[2].number)
    for part in ("slot", "path", "root", "count", "position"):
        for other in flips(original[part]):
            changed = original | {part: other}
            if part == "count" and other == 7:
                continue  # 6 leaves or 7: the path of this leaf is the same, and the slot is committed all the same
            assert found_with_digest_mended(changed, original["root"]), (part, other)


def mended(document: dict) -> dict:
    return document | {"digest": digest(document)}


def test_rows_that_were_exchanged_left_out_or_given_twice_are_found() -> None:
    whole = bundle_of("big stick 3")
    rows = whole["allocations"]
    assert failing(mended(whole | {"allocations": [rows[1], rows[0], *rows[2:]]})) == [
        "In every stratum the places were used from the first on, none left out."
    ]
    assert len(failing(mended(whole | {"allocations": rows[1:]}))) == 1
    assert "No place was given twice." in failing(mended(whole | {"allocations": [*rows, rows[0]]}))
    assert "Nobody was allocated twice." in failing(mended(whole | {"allocations": [*rows, rows[0]]}))
    slots = whole["slots"]
    doubled = mended(whole | {"slots": [*slots, slots[-1]]})
    assert "The rows and how they were made give the root." in failing(doubled)
    assert "No number stands twice in the list." in failing(doubled)


def test_another_list_with_its_own_root_is_not_the_published_one() -> None:
    """Somebody replaces list, seed and root: only the published root tells."""
    published = bundle_of("big stick 3")["root"]
    other = bundle_of("simple")
    assert holds(other)
    assert failing(other, published) == ["The root is the published one."]


def test_a_committed_list_that_is_not_the_seeds_is_found() -> None:
    """Somebody draws a list by hand, commits to it and later shows a seed: the root holds, the derivation does not."""
    own = golden.terms("big stick 3", Generator.HMAC_DRBG)
    made = golden.made(own)
    forged = golden.made(golden.terms("simple", Generator.HMAC_DRBG))
    assert [one.sequence for one in forged.slots] != [one.sequence for one in made.slots]
    bundle = reveal_bundle(own, SEED, forged, [])
    assert failing(bundle, bundle["root"]) == ["The seed gives every row again: sequence, number and nonce."]


# --- the tree against confusion ---------------------------------------------------------------------------------------


def test_a_doubled_last_leaf_has_another_root() -> None:
    """CVE-2012-2459: where an odd node is paired with itself, a list and its doubled end share a root. Not here."""
    leaves = [hashlib.sha256(bytes([at])).digest() for at in range(7)]
    for count in range(1, 7):
        for doubled in range(1, count + 1):
            assert merkle_root(leaves[:count]) != merkle_root([*leaves[:count], *leaves[count - doubled : count]])


def test_a_node_cannot_pass_for_a_leaf() -> None:
    leaves = [hashlib.sha256(bytes([at])).digest() for at in range(4)]
    inner = [merkle_root(leaves[:2]), merkle_root(leaves[2:])]
    assert merkle_root(inner) == merkle_root(leaves)  # which is why a proof counts its leaves
    slot = leaf("01", 1, "R-1", "AB", bytes(32))
    assert slot != hashlib.sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    # A leaf is hashed with prefix 0 over JSON; a node with prefix 1 over 64 bytes: no text is both.
    assert (
        verify.slot_leaf({"stratum": "01", "ordinal": 1, "number": "R-1", "sequence": "AB", "nonce": "00" * 32}) == slot
    )


# --- the file on its own ----------------------------------------------------------------------------------------------


def run(arguments: list[str], folder: Path, *program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", *program, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_it_runs_copied_elsewhere_with_the_standard_library_only(tmp_path: Path) -> None:
    shutil.copy(ROOT / "sessions" / "randomization" / "verify.py", tmp_path / "verify.py")
    bundle = bundle_of("blocks of 2 or 4")
    (tmp_path / "bundle.json").write_text(json.dumps(bundle, indent=2))
    # -S: without site-packages there is nothing but the standard library.
    done = run(["bundle.json", "--root", bundle["root"]], tmp_path, "-S", "verify.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Verified."
    assert "holds  The seed gives every row again: sequence, number and nonce." in done.stdout
    changed = json.dumps(bundle, indent=2).replace('"sequence": "AB"', '"sequence": "BA"', 1)
    (tmp_path / "bundle.json").write_text(changed)
    done = run(["bundle.json"], tmp_path, "-S", "verify.py")
    assert done.returncode == 1
    assert "FAILS  The rows and how they were made give the root." in done.stdout
    assert done.stdout.splitlines()[-1] == "NOT verified: the list or the file was changed."


def test_with_the_published_root_it_need_not_be_compared(tmp_path: Path, capsys) -> None:
    bundle = bundle_of("simple")
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    assert verify.main([str(tmp_path / "bundle.json"), "--root", bundle["root"]]) == 0
    told = capsys.readouterr().out
    assert "holds  The root is the published one." in told
    assert "compare it" not in told


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps(bundle_of("simple")))
    command = [sys.executable, "-m", "sessions.randomization.verify", str(tmp_path / "bundle.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"root   {bundle_of('simple')['root']}: compare it" in done.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "neither a bundle nor a proof"),
        (b'{"format": "x", "format": "y"}', "a name stands twice"),
        (b'{"format": 1.5}', "1.5 is no whole number"),
        (b'{"format": NaN}', "NaN is no whole number"),
        (b'{"format": "studyportal-slot-proof/1"}', "the proof does not have exactly the names"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_bundle_is_said(content: bytes, words: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "file.json").write_bytes(content)
    assert verify.main([str(tmp_path / "file.json")]) == 2
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("header", "parameters"), {"tolerance": 0}, "nothing to draw from"),
        (("header", "parameters"), {"tolerance": 3, "ratio": [0, 1]}, None),
        (("header", "method"), "dice", "KeyError"),
        (("header", "generator"), "dice", "KeyError"),
        (("seed",), "zz", "ValueError"),
        (("slots",), None, "TypeError"),
        (("slots",), [{}], "slots row 1 does not have exactly"),
        (("allocations",), ["x"], "allocations row 1 does not have exactly"),
        (("commits_to",), "x", "none of bound, list, slots and seed"),
    ],
)
def test_impossible_values_are_said_without_a_traceback(path, value, words, tmp_path: Path, capsys) -> None:
    bundle = bundle_of("big stick 3")
    part = bundle
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    (tmp_path / "file.json").write_text(json.dumps(bundle))
    assert verify.main([str(tmp_path / "file.json")]) == (2 if words else 1)
    assert (words or "NOT verified") in capsys.readouterr().out


def written(document: dict, folder: Path) -> str:
    place = folder / "file.json"
    place.write_text(json.dumps(document | {"digest": digest(document)}))
    return str(place)


def test_a_list_without_rows_and_a_path_without_end_are_said_without_a_traceback(tmp_path: Path, capsys) -> None:
    empty = bundle_of("big stick 3") | {"commits_to": "slots", "slots": [], "allocations": []}
    assert verify.main([written(empty, tmp_path)]) == 2
    own = golden.terms("big stick 3", Generator.HMAC_DRBG)
    made = golden.made(own)
    proof = slot_proof(own, SEED, made, made.slots[0].number) | {"count": 2**5000, "path": ["00" * 32] * 6000}
    assert "a value in it is impossible" in capsys.readouterr().out
    assert verify.main([written(proof, tmp_path)]) == 1
    assert "FAILS  The slot stands in the committed list" in capsys.readouterr().out


def test_nothing_in_a_file_writes_a_line_of_the_answer(tmp_path: Path, capsys) -> None:
    """A made-up root with line breaks and codes of the terminal must not look like, or hide, what was found."""
    forged = bundle_of("big stick 3") | {"root": "00\nVerified.\x1b[8m\u202e"}
    assert verify.main([written(forged, tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("NOT verified")
    assert "Verified." not in lines
    assert all(character.isprintable() and character.isascii() for line in lines for character in line)


@pytest.mark.parametrize("parameters", [{"block_sizes": [0]}, {"block_sizes": [3]}, {"block_sizes": [10**9]}])
def test_impossible_blocks_do_not_run_forever(parameters: dict[str, object]) -> None:
    bundle = bundle_of("blocks of 4")
    bundle["header"]["parameters"] = parameters
    with pytest.raises(ValueError, match="block size is impossible"):
        list(verify.check(bundle))


def test_impossible_shares_do_not_run_forever() -> None:
    bundle = bundle_of("simple")
    bundle["header"]["parameters"] = {"ratio": [10**9, 1]}
    with pytest.raises(ValueError, match="share is impossible"):
        list(verify.check(bundle))


def test_another_length_is_not_derived() -> None:
    bundle = bundle_of("simple")
    bundle["header"]["slots_per_stratum"] = 10**9
    assert "The seed gives every row again: sequence, number and nonce." in failing(bundle)


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--root"], ["a", "--root"]])
def test_without_one_file_it_says_how_it_is_run(arguments: list[str], capsys) -> None:
    assert verify.main(arguments) == 2
    assert "python verify.py study-bundle.json" in capsys.readouterr().out


def test_a_missing_file_is_said(capsys) -> None:
    assert verify.main(["nowhere.json", "--root", "00"]) == 2
    assert "cannot be verified" in capsys.readouterr().out
