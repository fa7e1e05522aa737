"""A study's bundle: lists bound to their study, minimization drawn again, the chain; every changed bit is found."""

import copy
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from sessions.randomization import commitment, verify
from sessions.randomization.bundle import (
    AllocatedNumber,
    CommitsTo,
    ListTerms,
    digest,
    kind_of_root,
    reveal_bundle,
    root_of,
    root_to_publish,
    slot_proof,
    whole_root,
)
from sessions.randomization.commitment import chain_link, hidden_leaves
from sessions.randomization.generators import Generator
from sessions.randomization.methods import Method
from sessions.randomization.minimization import MinimizationScheme, replay, scheme_of
from sessions.randomization.reveal import (
    START_OF_CHAIN,
    AllocationStep,
    Mirrored,
    Newcomer,
    chain_head,
    course_bundle,
    levels_in_words,
    study_bundle,
)
from tests.factories import golden_lists as golden

SEED = golden.SEED
FACTORS = {"site": ["01", "02"], "sex": ["F", "M"]}
PEOPLE = ("01F", "02M", "01F", "02F")
LINE = "2026-03-{:02}T09:30:00Z"


@pytest.fixture
def _small_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees of sixteen leaves: flipping every bit of a file is to take seconds."""
    monkeypatch.setattr(commitment, "FEWEST_LEAVES", 16)
    monkeypatch.setattr(verify, "FEWEST_LEAVES", 16)


def holds(document: dict, roots: object = None, chain: str | None = None) -> bool:
    return all(one for one, _ in verify.check(document, roots, chain))


def failing(document: dict, roots: object = None, chain: str | None = None) -> list[str]:
    return [sentence for one, sentence in verify.check(document, roots, chain) if not one]


def course_terms(**settings: object) -> ListTerms:
    parameters = {"factors": FACTORS, "measure": "range", "probability": "0.8"} | settings
    return ListTerms(
        study="DEMO", list_id="course", method=Method.MINIMIZATION, parameters=parameters, sequences=("AB", "BA"),
        strata=(), slots_per_stratum=0,
    )  # fmt: skip


def newcomers(terms: ListTerms, people: tuple[str, ...] = PEOPLE) -> list[Newcomer]:
    levels = [{"site": one[:2], "sex": one[2]} for one in people]
    drawn = replay(scheme_of(terms.parameters, terms.sequences), SEED, levels, terms.generator)
    return [
        Newcomer(f"DEMO-1{at}", f"R-9{at:03}", own, choice.sequence)
        for at, (own, choice) in enumerate(zip(levels, drawn, strict=True))
    ]


def course(terms: ListTerms | None = None, commits_to: CommitsTo = CommitsTo.BOUND) -> dict:
    terms = terms or course_terms()
    return json.loads(json.dumps(course_bundle(terms, SEED, newcomers(terms), commits_to=commits_to)))


def whole(*, slots: int = 2) -> tuple[dict, list[str], str]:
    """Return a study of one list and one minimization, its published roots and its published chain."""
    own = golden.terms("blocks of 2 or 4", Generator.HMAC_DRBG, slots=slots, strata=("01",))
    made = golden.made(own)
    first = [AllocatedNumber(f"DEMO-0{slot.ordinal}", slot.number) for slot in made.slots[:2]]
    listed = reveal_bundle(own, SEED, made, first, commits_to=CommitsTo.BOUND)
    minimized = course()
    steps = [
        AllocationStep(one.participant, one.number, own.list_id, "01", LINE.format(at))
        for at, one in enumerate(first, start=1)
    ]
    steps += [
        AllocationStep(one.participant, one.number, "course", levels_in_words(one.levels), LINE.format(at))
        for at, one in enumerate(newcomers(course_terms()), start=10)
    ]
    bundle = json.loads(json.dumps(study_bundle("DEMO", [listed, minimized], steps)))
    return bundle, [str(listed["root"]), str(minimized["root"])], chain_head(steps).hex()


# --- what holds -------------------------------------------------------------------------------------------------------


def test_a_whole_study_is_verified_in_one_file() -> None:
    bundle, roots, chain = whole()
    assert failing(verify.read(json.dumps(bundle).encode()), roots, chain) == []
    sentences = [sentence for _, sentence in verify.check(bundle, roots, chain)]
    assert "List 2: the seed and the newcomers in their order give every sequence." in sentences
    assert len(sentences) == 32


@pytest.mark.parametrize("generator", list(Generator))
@pytest.mark.parametrize("name", list(golden.DESIGNS))
def test_every_method_is_derived_again_under_a_bound_root(name: str, generator: Generator) -> None:
    own = golden.terms(name, generator)
    made = golden.made(own)
    bundle = json.loads(json.dumps(reveal_bundle(own, SEED, made, [], commits_to=CommitsTo.BOUND)))
    assert failing(bundle, root_to_publish(own, SEED, made.slots).hex()) == []


@pytest.mark.parametrize("measure", ["range", "variance", "sd"])
@pytest.mark.parametrize("generator", list(Generator))
@pytest.mark.parametrize("sequences", [("AB", "BA"), ("ABC", "BCA", "CAB")])
def test_minimization_is_drawn_again_by_other_code(measure: str, generator: Generator, sequences: tuple) -> None:
    parameters = {
        "factors": {**FACTORS, "age": ["young", "old"]}, "weights": {"site": 2}, "measure": measure,
        "probability": "0.85",
    }  # fmt: skip
    terms = ListTerms(
        study="DEMO", list_id="c", method=Method.MINIMIZATION, parameters=parameters, sequences=sequences, strata=(),
        slots_per_stratum=0, generator=generator,
    )  # fmt: skip
    drawing = secrets.SystemRandom()
    levels = [{name: drawing.choice(own) for name, own in parameters["factors"].items()} for _ in range(60)]
    scheme = MinimizationScheme(
        sequences, {name: tuple(own) for name, own in parameters["factors"].items()}, {"site": 2},
        scheme_of(parameters, sequences).measure, Fraction("0.85"),
    )  # fmt: skip
    drawn = [choice.sequence for choice in replay(scheme, SEED, levels, generator)]
    assert len(set(drawn)) == len(sequences)
    rows = [{"levels": own} for own in levels]
    assert verify.minimized(terms.header(SEED), SEED, rows) == drawn


@pytest.mark.parametrize("commits_to", [CommitsTo.BOUND, CommitsTo.LIST, CommitsTo.SEED])
def test_a_course_under_each_kind_of_root(commits_to: CommitsTo) -> None:
    bundle = course(commits_to=commits_to)
    assert failing(bundle, bundle["root"]) == []
    terms = course_terms()
    assert kind_of_root(terms, SEED, (), root_of(terms, SEED, (), commits_to)) is commits_to


def test_a_roots_kind_is_recognised_and_a_foreign_root_is_none() -> None:
    own = golden.terms("big stick 3", Generator.HMAC_DRBG)
    made = golden.made(own)
    assert kind_of_root(own, SEED, made.slots, made.root) is CommitsTo.SLOTS
    assert kind_of_root(own, SEED, made.slots, whole_root(own, SEED, made.slots)) is CommitsTo.LIST
    assert kind_of_root(own, SEED, made.slots, root_to_publish(own, SEED, made.slots)) is CommitsTo.BOUND
    assert kind_of_root(own, SEED, made.slots, bytes(32)) is None


# --- one slot ---------------------------------------------------------------------------------------------------------


def bound_proof(name: str = "big stick 3", at: int = 2, **sizes: object) -> tuple[dict, str]:
    own = golden.terms(name, Generator.HMAC_DRBG, **sizes)
    made = golden.made(own)
    proof = slot_proof(own, SEED, made, made.slots[at].number, commits_to=CommitsTo.BOUND)
    return json.loads(json.dumps(proof)), root_to_publish(own, SEED, made.slots).hex()


def test_one_slots_proof_binds_study_and_list() -> None:
    proof, root = bound_proof()
    assert failing(verify.read(json.dumps(proof).encode()), root) == []
    sentences = [sentence for _, sentence in verify.check(proof)]
    assert sentences[-1].endswith("the root was made for study DEMO, list list-1.")
    for name in ("study", "list"):
        other = proof | {name: "OTHER"}
        other["digest"] = digest(other)
        assert len(failing(other, root)) == 1


@pytest.mark.parametrize("slots", [3, 10, 40])
def test_a_proof_tells_neither_the_lists_length_nor_its_settings_nor_another_slot(slots: int) -> None:
    """Whatever the length: 4096 leaves, 12 hashes on the way, and a position that follows from hashes alone."""
    own = golden.terms("big stick 3", Generator.HMAC_DRBG, slots=slots)
    made = golden.made(own)
    positions = []
    for slot in made.slots[:6]:
        proof = slot_proof(own, SEED, made, slot.number, commits_to=CommitsTo.BOUND)
        assert (proof["count"], len(proof["path"])) == (4096, 12)
        positions.append(proof["position"])
        text = json.dumps(proof)
        others = [one for one in made.slots if one.number != slot.number]
        assert not [one for one in others if one.nonce.hex() in text or one.number in text or one.leaf.hex() in text]
        assert not [word for word in ("tolerance", "big_stick", SEED.hex()) if word in text]
    assert positions != sorted(positions)


@pytest.mark.usefixtures("_small_trees")
def test_a_longer_list_takes_the_next_power_of_two() -> None:
    assert len(hidden_leaves([bytes([at]) for at in range(16)], SEED)) == 16
    assert len(hidden_leaves([bytes([at]) for at in range(17)], SEED)) == 32
    own = golden.terms("simple", Generator.HMAC_DRBG, slots=20)
    bundle = reveal_bundle(own, SEED, golden.made(own), [], commits_to=CommitsTo.BOUND)
    assert holds(bundle)


# --- tampering --------------------------------------------------------------------------------------------------------


def is_refused(content: bytes) -> bool:
    try:
        return not next(verify.check(verify.read(content)))[0]
    except (verify.Unreadable, LookupError, TypeError, ValueError):
        return True


@pytest.mark.usefixtures("_small_trees")
@pytest.mark.parametrize("kind", ["course", "proof", "study"])
def test_every_flipped_bit_of_a_file_is_found(kind: str) -> None:
    document = {"course": course, "proof": lambda: bound_proof()[0], "study": lambda: whole()[0]}[kind]()
    content = json.dumps(document, separators=(",", ":")).encode()
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
    """Every value that one flipped bit makes of a text or a whole number, deep inside; names of fields as well."""
    if isinstance(value, int):
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
            rest = {key: kept for key, kept in value.items() if key != name}
            yield from (rest | {other: one} for other in flips(name))


def is_found(document: dict, roots: object, chain: str | None = None) -> bool:
    """Whether somebody is found who mends every digest of the file, but cannot change what was published."""
    try:
        for one in document.get("lists", ()):
            one["digest"] = digest(one)
        document["digest"] = digest(document)
        verify.check_form(document)
        return not holds(document, roots, chain)
    except (verify.Unreadable, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return True


@pytest.mark.usefixtures("_small_trees")
@pytest.mark.parametrize("part", ["study", "lists", "allocations", "chain"])
def test_every_flipped_bit_of_a_study_is_found_with_all_digests_mended(part: str) -> None:
    """Participants, numbers, levels, order and times included: the chain was published, as the roots were."""
    original, roots, chain = whole()
    assert holds(original, roots, chain)
    tried = 0
    for other in flips(original[part]):
        changed = original | {part: other}
        changed["lists"] = [dict(one) if isinstance(one, dict) else one for one in changed["lists"]]
        digests = [one.get("digest") for one in changed.get("lists", ()) if isinstance(one, dict)]
        own = [one["digest"] for one in original["lists"]]
        if part == "lists" and digests != own:
            continue  # a flipped digest is mended again: nothing is changed
        assert is_found(changed, roots, chain), (part, other)
        tried += 1
    assert tried >= {"study": 28, "lists": 8000, "allocations": 2000, "chain": 448}[part]


@pytest.mark.usefixtures("_small_trees")
def test_every_flipped_bit_of_a_bound_proof_is_found_with_the_digest_mended() -> None:
    original, root = bound_proof("simple", 1, slots=5, strata=("01",))
    for part, value in original.items():
        if part == "digest":
            continue
        for other in flips(value):
            assert is_found(original | {part: other}, root), (part, other)


def test_every_flipped_bit_of_the_published_values_is_found() -> None:
    bundle, roots, chain = whole()
    proof, root = bound_proof()
    for place in range(64):
        for bit in range(7):

            def flipped(text: str, place: int = place, bit: int = bit) -> str:
                return text[:place] + chr(ord(text[place]) ^ (1 << bit)) + text[place + 1 :]

            # Reading the lists costs most; the first sentence that fails is about what was published.
            assert (
                next(one for one, said in verify.check(bundle, [flipped(roots[0]), roots[1]]) if "roots" in said)
                is False
            )
            assert "The root is the published one." in failing(proof, flipped(root))
            said = next(
                one for one, told in verify.check(bundle, roots, flipped(chain)) if "chain of allocations" in told
            )
            assert said is False


def test_what_was_left_out_doubled_or_moved_is_said() -> None:
    bundle, roots, chain = whole()

    def told(**change: object) -> list[str]:
        changed = copy.deepcopy(bundle) | copy.deepcopy(change)
        changed["digest"] = digest(changed)
        return failing(changed, roots, chain)

    rows = bundle["allocations"]
    assert told(allocations=rows[:-1]) == [
        "The chain covers every allocation in its order.",
        "List 2: its allocations are those of the chain, in the same order.",
    ]
    assert "The allocations stand in order of time." in told(allocations=[rows[1], rows[0], *rows[2:]])
    assert "Nobody was allocated from two lists." in told(allocations=[*rows, rows[0]])
    only = told(lists=bundle["lists"][:1])
    assert "The roots are the published ones, none more and none less." in only
    assert "Every allocation belongs to a list of the file." in only
    twice = told(lists=[*bundle["lists"], bundle["lists"][0]])
    assert "No list stands twice in the file." in twice
    assert "No number stands in two lists." in twice


def with_replacement(**change: str) -> dict:
    bundle, _, _ = whole()
    steps = [AllocationStep(*(row[name] for name in ("participant", "number", "list", "stratum", "at")))
             for row in bundle["allocations"]]  # fmt: skip
    row = {"participant": "DEMO-99", "number": "R-7", "list_id": "", "stratum": "", "at": LINE.format(29)}
    told = {"participant": "DEMO-99", "number": "R-7", "replaced": "DEMO-01"} | change
    made = study_bundle("DEMO", bundle["lists"], [*steps, AllocationStep(**row)], [Mirrored(**told)])
    return json.loads(json.dumps(made))


def test_a_replacement_with_the_same_sequence_stands_outside_the_lists() -> None:
    said = "Every number outside the lists mirrors somebody of them who came earlier."
    assert failing(with_replacement()) == []
    for wrong in ({"replaced": "DEMO-99"}, {"replaced": "nobody"}, {"number": "R-8"}, {"participant": "DEMO-98"}):
        found = failing(with_replacement(**wrong)) if "participant" not in wrong else None
        assert found in ([said], None), wrong
    hidden = with_replacement()
    hidden["mirrored"] = []
    hidden["digest"] = digest(hidden)
    assert failing(hidden) == [said]


def test_another_studys_list_is_found() -> None:
    bundle, _, _ = whole()
    other = bundle | {"study": "OTHER"}
    other["digest"] = digest(other)
    assert failing(other) == ["Every list was made for study OTHER."]


def test_the_chain_is_what_the_words_say() -> None:
    steps = [AllocationStep("P-1", "R-1", "l", "01", LINE.format(1)), AllocationStep("P-2", "R-2", "l", "01", "x")]
    one = chain_link(START_OF_CHAIN, ["P-1", "R-1", "l", "01", LINE.format(1)])
    assert chain_head(steps) == chain_link(one, ["P-2", "R-2", "l", "01", "x"])
    assert chain_head([]) == bytes(32)


# --- the command line -------------------------------------------------------------------------------------------------


def test_roots_and_chain_are_given_on_the_command_line(tmp_path, capsys) -> None:
    bundle, roots, chain = whole()
    place = tmp_path / "study-bundle.json"
    place.write_text(json.dumps(bundle))
    given = ["--root", roots[1].upper(), "--root", roots[0], "--chain", chain]
    assert verify.main([str(place), *given]) == 0
    assert "compare it" not in capsys.readouterr().out
    assert verify.main([str(place)]) == 0
    text = capsys.readouterr().out
    assert [f"root   {root}: compare it" in text for root in roots] == [True, True]
    assert f"chain  {chain}: compare it with the one published when the study was locked." in text
    assert verify.main([str(place), "--root", roots[0]]) == 1
    assert verify.main([str(place), "--chain"]) == 2
    assert verify.main(["--help"]) == 2


def test_the_page_for_reviewers_shows_what_the_verifier_says() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "verify.md").read_text()
    samples = [block.splitlines() for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL)]
    own = golden.terms("simple", Generator.HMAC_DRBG)
    listed = reveal_bundle(own, SEED, golden.made(own), [], commits_to=CommitsTo.BOUND)
    study = study_bundle("DEMO", [listed], [])
    said = [f"holds  {sentence}" for _, sentence in verify.check(study, [str(listed["root"])], str(study["chain"]))]
    assert samples[0] == [*said, "Verified."]
    proof, root = bound_proof()
    said = [f"holds  {sentence}" for _, sentence in verify.check(proof, root)]
    names = re.compile(r"study \S+, list \S+\.$")
    assert [names.sub("", line) for line in samples[1]] == [*(names.sub("", line) for line in said), "Verified."]
    for line in re.findall(r"(?m)^\| ([A-Z][^|]+?) \|", page)[1:]:
        known = " ".join(sentence for _, sentence in verify.check(whole()[0], whole()[1], whole()[2]))
        assert line.lower() in known.lower(), line


def test_an_old_python_is_told_which_one_to_use() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 6); sys.argv = ['verify.py', 'x'];"
        f"runpy.run_path({verify.__file__!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("This file needs Python 3.10 or later")


def test_a_chain_is_asked_of_a_file_that_has_none() -> None:
    assert failing(course(), None, "00") == ["The chain is the published one: this file has none."]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("header", "parameters", "probability"), "0.4", "settings of the minimization are impossible"),
        (("header", "parameters", "probability"), "1/0", "ZeroDivisionError"),
        (("header", "parameters", "measure"), "dice", "KeyError"),
        (("header", "sequences"), ["AB"], "settings of the minimization are impossible"),
        (("newcomers", 0, "levels"), {"site": "01"}, "other factors than the settings"),
        (("newcomers", 0, "levels"), {"site": "09", "sex": "F"}, "KeyError"),
        (("newcomers", 0, "levels"), None, "TypeError"),
        (("newcomers",), 3, "TypeError"),
        (("commits_to",), "slots", "ValueError"),
    ],
)
def test_an_impossible_course_is_said_without_a_traceback(path, value, words, tmp_path, capsys) -> None:
    bundle = course()
    part = bundle
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    place = tmp_path / "file.json"
    place.write_text(json.dumps(bundle))
    assert verify.main([str(place)]) == 2
    assert words in capsys.readouterr().out


def test_a_study_holds_bundles_of_lists_only() -> None:
    bundle, _, _ = whole()
    for wrong in (bundle, {"format": "x"}, 3):
        with pytest.raises(verify.Unreadable, match="one of its lists is no bundle"):
            verify.check_form(bundle | {"lists": [wrong]})


# --- hiding -----------------------------------------------------------------------------------------------------------


def test_the_nonces_hide_the_list_and_without_them_it_is_found_at_once() -> None:
    """24 slots in blocks of four have 2 ** 15.5 lists: a bare hash is searched through; our root fits none of them."""
    own = golden.terms("blocks of 4", Generator.HMAC_DRBG, slots=4, strata=("01",))
    made = golden.made(own)
    published = root_to_publish(own, SEED, made.slots)
    lists = [
        [code if bits >> at & 1 else other for at, (code, other) in enumerate([("AB", "BA")] * 4)] for bits in range(16)
    ]
    bare = commitment.canonical([slot.sequence for slot in made.slots])
    assert [commitment.canonical(one) == bare for one in lists].count(True) == 1
    found = 0
    for codes in lists:
        leaves = [
            commitment.leaf(slot.stratum, slot.ordinal, slot.number, code, bytes(32))
            for slot, code in zip(made.slots, codes, strict=True)
        ]
        bound = commitment.binding(own.study, own.list_id, commitment.terms_digest(own.header(SEED)))
        tree = commitment.merkle_root(commitment.hidden_leaves(leaves, SEED))
        found += commitment.bound_root(bound, tree) == published
    assert found == 0


def test_two_lists_of_one_seed_share_their_nonces_but_nothing_of_their_roots() -> None:
    """The nonces do not depend on the codes: exchanging the codes changes all of the root, as random bytes would."""
    own = golden.terms("uploaded", Generator.HMAC_DRBG)
    made = golden.made(own)
    swapped = [replace(slot, sequence={"AB": "BA", "BA": "AB"}[slot.sequence]) for slot in made.slots]
    first, second = (int.from_bytes(root_to_publish(own, SEED, slots)) for slots in (made.slots, swapped))
    assert 80 < (first ^ second).bit_count() < 176
