"""The offline command: settings in, a list with its seed out; every fault in words."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sessions.randomization import Generator, ListTerms, Method, generate_list, root_to_publish
from sessions.randomization.offline import draw, main, settings_document, terms_from

ROOT = Path(__file__).resolve().parents[3]
TERMS = ListTerms(
    study="XO", list_id="0" * 32, method=Method.PERMUTED_BLOCKS, parameters={"block_sizes": [2, 4]},
    sequences=["AB", "BA"], strata=["01|F", "01|M"], slots_per_stratum=8, generator=Generator.CHACHA20,
    taken_numbers=["R-1001"],
)  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(settings_document(TERMS)))
    return file


def test_the_command_draws_a_list_that_its_seed_gives_again(settings: Path, tmp_path: Path) -> None:
    out = tmp_path / "list.json"
    done = subprocess.run(
        [sys.executable, "-m", "sessions.randomization", settings, "--out", out], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(out.read_text())
    assert f"root {document['root']}" in done.stdout
    assert document["seed"] not in done.stdout
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    seed = bytes.fromhex(document["seed"])
    made = generate_list(
        method=TERMS.method, parameters=TERMS.parameters, sequences=TERMS.sequences, strata=TERMS.strata,
        slots_per_stratum=8, seed=seed, generator=TERMS.generator, taken_numbers=TERMS.taken_numbers,
    )  # fmt: skip
    assert document["root"] == root_to_publish(TERMS, seed, made.slots).hex()
    assert [slot[3] for slot in document["slots"]] == [slot.sequence for slot in made.slots]
    assert len(document["slots"]) == 16


def test_settings_come_back_as_they_were() -> None:
    assert terms_from(settings_document(TERMS)) == TERMS


def test_two_lists_have_two_seeds(settings: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main([str(settings), "--out", str(tmp_path / name)]) == 0
    one, other = (json.loads((tmp_path / name).read_text()) for name in ("a", "b"))
    assert one["seed"] != other["seed"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "No list can be drawn from"),
        ("{}", "the file lacks what a draft's settings hold ('format')"),
        ("[]", "the file lacks what a draft's settings hold"),
        (json.dumps({"format": "other"}), "the file has another format"),
        (json.dumps(settings_document(TERMS) | {"method": "guess"}), "'guess' is not a valid Method"),
        (json.dumps(settings_document(TERMS) | {"parameters": {"block_sizes": [3]}}), "multiple of 2"),
        (json.dumps(settings_document(TERMS) | {"method": "uploaded_list"}), "makes no list from a seed"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, capsys, content: str, words: str) -> None:
    file, out = tmp_path / "settings.json", tmp_path / "list.json"
    file.write_text(content)
    assert main([str(file), "--out", str(out)]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_a_file_is_never_written_over_and_a_missing_one_is_named(settings: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "list.json"
    out.write_text("another list")
    assert main([str(settings), "--out", str(out)]) == 2
    assert f"{out} exists already: name another file." in capsys.readouterr().err
    assert out.read_text() == "another list"
    assert main([str(tmp_path / "none.json"), "--out", str(tmp_path / "new.json")]) == 2
    assert "none.json cannot be used: No such file or directory." in capsys.readouterr().err
    assert not (tmp_path / "new.json").exists()


def test_the_same_seed_gives_the_same_file() -> None:
    assert draw(settings_document(TERMS), bytes(32)) == draw(settings_document(TERMS), bytes(32))
