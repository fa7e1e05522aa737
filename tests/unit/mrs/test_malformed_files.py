"""Every file that is wrong in one way gets its own code and sentence, quickly, and never a number."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sessions.mrs import MrsError, convert, quantify
from sessions.mrs.__main__ import main
from tests.factories.spectra import BASIS, brain, malformed, write

FILES = malformed()
REPOSITORY = Path(__file__).resolve().parents[3]
FOUND_BY_CONVERSION = {"basis-frequency-mismatch", "peaks-not-found", "header-frequency"}


def test_there_are_at_least_fifteen_kinds() -> None:
    assert len(FILES) == 36


@pytest.mark.parametrize("name", FILES)
def test_refused_with_its_code(name, tmp_path) -> None:
    content, code = FILES[name]
    path = tmp_path / "upload.nii.gz"
    path.write_bytes(content)
    with pytest.raises(MrsError) as refusal:
        quantify(path, basis=BASIS)
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")
    assert len(refusal.value.message) <= 300


@pytest.mark.parametrize("name", [name for name, (_, code) in FILES.items() if code not in FOUND_BY_CONVERSION])
def test_conversion_fails_closed(name, tmp_path) -> None:
    (tmp_path / "upload.nii.gz").write_bytes(FILES[name][0])
    with pytest.raises(MrsError) as refusal:
        convert(tmp_path / "upload.nii.gz", out=tmp_path / "out.nii.gz")
    assert refusal.value.code == FILES[name][1]
    assert not (tmp_path / "out.nii.gz").exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.sdat", b"x" * 64, "companion-missing"),
        ("a.spar", b"samples : 8", "companion-missing"),
        ("a.ima", b"x" * 200, "file-not-mrs"),
        ("a.dcm", b"x" * 200, "file-not-mrs"),
        ("a.rda", b"x" * 200, "file-not-mrs"),
        ("b.rda", b">>> Begin of header <<<\n" + b"x" * 200, "conversion-failed"),
        ("b.dcm", bytes(128) + b"DICM" + b"\0" * 60, "conversion-failed"),
    ],
)
def test_vendor_files_that_are_none(name, content, code, tmp_path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MrsError) as refusal:
        convert(tmp_path / name, out=tmp_path / "out.nii.gz")
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("sdat", "spar", "code"),
    [
        (b"x" * 64, b"nothing", "companion-invalid"),
        (b"x" * 63, b"samples : 8", "file-truncated"),
        (b"x" * 64, b"samples : 8", "conversion-failed"),
    ],
)
def test_philips_pairs_that_do_not_belong(sdat, spar, code, tmp_path) -> None:
    (tmp_path / "a.SDAT").write_bytes(sdat)
    (tmp_path / "a.SPAR").write_bytes(spar)
    with pytest.raises(MrsError) as refusal:
        convert(tmp_path / "a.SPAR", out=tmp_path / "out.nii.gz")
    assert refusal.value.code == code


def test_missing_file(tmp_path) -> None:
    with pytest.raises(MrsError) as refusal:
        convert(tmp_path / "none.nii.gz", out=tmp_path / "out.nii.gz")
    assert refusal.value.code == "file-missing"


def test_the_command_line_prints_the_refusal_and_exits_with_2(tmp_path, capsys) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(FILES["nan"][0])
    assert main(["quantify", str(path), "--basis", BASIS, "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "code": "data-not-finite",
            "message": "The signal holds values that are not numbers (NaN or infinite).",
        }
    }


def test_converts_in_a_process_of_its_own(tmp_path) -> None:
    path = write(tmp_path, brain())
    command = [sys.executable, "-m", "sessions.mrs", "convert", path, "--out", tmp_path / "out.nii.gz", "--json"]
    finished = subprocess.run(command, capture_output=True, check=True, cwd=REPOSITORY)
    assert json.loads(finished.stdout)["header"]["ResonantNucleus"] == ["1H"]
    assert finished.stderr == b""
