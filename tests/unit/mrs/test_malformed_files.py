"""Every file that is wrong in one way gets its own code and sentence, within five seconds, and never a number."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sessions.mrs import MrsError, convert
from sessions.mrs.__main__ import main
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.singlets import find_singlets
from tests.factories.malformed import Malformed, kinds
from tests.factories.spectra import BASIS, DWELL_TIME_S, FREQUENCY_MHZ, brain, write

KINDS = kinds()
REPOSITORY = Path(__file__).resolve().parents[3]
SECONDS = 5
# A sentence for a radiographer says what to do.
ADVICE = re.compile(
    r"\b(?:Send|send|Export|export|Choose|choose|Convert|Pack|Look|Say|Enter|Combine|Subtract|rename|repeat)\b"
)
# The first test has these through a child process already.
READ_BY_A_CHILD = (
    r"spar of|spar without a nucleus|philips of|dicom (?:of|cut)|rda without its coil|p-file of|twix cut|proc"
)
JARGON = re.compile(r"Traceback|Error:|Exception|0x|\bNone\b|\bnull\b|/tmp|site-packages|SEEDED|Seeded")


@pytest.fixture
def stopped_after_five_seconds():
    """End a command that works longer: processor time, so that a busy machine does not count."""
    before = signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


def _too_slow(*_arguments: object) -> None:
    msg = "the command did not answer within five seconds"
    raise TimeoutError(msg)


def refusal_of(capsys) -> dict[str, str]:
    printed = capsys.readouterr()
    assert printed.err == ""
    document = json.loads(printed.out)
    assert set(document) == {"error"}, "no number beside a refusal"
    return document["error"]


def test_there_are_far_more_than_forty_kinds() -> None:
    assert len(KINDS) > 140
    assert len({kind.code for kind in KINDS.values()}) > 35


@pytest.mark.usefixtures("stopped_after_five_seconds")
@pytest.mark.parametrize("name", KINDS)
def test_is_refused_with_its_code_and_a_sentence_that_helps(name, tmp_path, capsys) -> None:
    kind: Malformed = KINDS[name]
    path = kind.write(tmp_path)
    curves = tmp_path / "curves.json"
    command = ["quantify", str(path), "--basis", kind.basis_in(tmp_path), "--json", "--curves", str(curves)]
    assert main(command) == 2
    refusal = refusal_of(capsys)
    assert refusal["code"] == kind.code, refusal
    message = refusal["message"]
    assert message[0].isupper()
    assert message.endswith(".")
    assert 20 <= len(message) <= 300
    assert ADVICE.search(message), message
    assert not JARGON.search(message), message
    assert not curves.exists()


@pytest.mark.usefixtures("stopped_after_five_seconds")
@pytest.mark.parametrize(
    "name", [name for name, kind in KINDS.items() if kind.found_by_conversion and not re.match(READ_BY_A_CHILD, name)]
)
def test_conversion_fails_closed(name, tmp_path, capsys) -> None:
    path = KINDS[name].write(tmp_path)
    out = tmp_path / "out.nii.gz"
    assert main(["convert", str(path), "--out", str(out), "--json"]) == 2
    assert refusal_of(capsys)["code"] == KINDS[name].code
    assert not out.exists()


@pytest.mark.parametrize(
    "name",
    [
        "my scan #1.nii.gz", "spéctre façade.nii.gz", "磁共振.nii.gz", "two\nlines.nii.gz", "-f.nii.gz",
        "$(touch owned).nii.gz", "a;b|c&d.nii.gz", "' OR 1=1 --.nii.gz", "%s%n.nii.gz", "x" * 240 + ".nii.gz",
    ],
)  # fmt: skip
def test_any_file_name_will_do(name, tmp_path, capsys) -> None:
    path = write(tmp_path, brain(), name)
    out = tmp_path / "out.nii.gz"
    assert main(["convert", "--out", str(out), "--json", "--", str(path)]) == 0
    assert capsys.readouterr().err == ""
    assert out.read_bytes() == nifti_mrs_bytes(brain())
    assert not (Path.cwd() / "owned").exists()


def test_a_refusal_never_repeats_the_name_of_the_file(tmp_path, capsys) -> None:
    path = tmp_path / "SEEDED^TEST^NAME 19010203.nii.gz"
    path.write_bytes(b"nothing")
    assert main(["quantify", str(path), "--basis", BASIS, "--json"]) == 2
    assert "SEEDED" not in str(refusal_of(capsys))


def test_converts_in_a_process_of_its_own(tmp_path) -> None:
    path = write(tmp_path, brain())
    command = [sys.executable, "-m", "sessions.mrs", "convert", path, "--out", tmp_path / "out.nii.gz", "--json"]
    finished = subprocess.run(command, capture_output=True, check=True, cwd=REPOSITORY)
    assert json.loads(finished.stdout)["header"]["ResonantNucleus"] == ["1H"]
    assert finished.stderr == b""


def test_what_the_system_refuses_is_a_sentence_too(tmp_path, capsys) -> None:
    command = ["quantify", str(tmp_path / ("SEEDED" * 60)), "--basis", BASIS, "--json"]
    assert main(command) == 2
    refusal = refusal_of(capsys)
    assert refusal["code"] == "file-unreadable"
    assert "SEEDED" not in refusal["message"]
    path = write(tmp_path, brain())
    assert main(["convert", str(path), "--out", str(tmp_path / "nowhere" / "out.nii.gz"), "--json"]) == 2
    assert refusal_of(capsys)["code"] == "out-invalid"


def test_peaks_on_both_sides_of_the_water_are_not_told_apart() -> None:
    ours, theirs = brain(seed=1).fids[0, 0], brain(seed=2).fids[0, 0]
    with pytest.raises(MrsError) as refusal:
        find_singlets(ours + 1.1 * theirs.conj(), DWELL_TIME_S, FREQUENCY_MHZ)
    assert refusal.value.code == "orientation-ambiguous"


def test_a_folder_with_a_link_or_too_much_is_refused(tmp_path, capsys) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "a.nii.gz").symlink_to("/etc/passwd")
    assert main(["quantify", str(folder), "--basis", BASIS, "--json"]) == 2
    assert refusal_of(capsys)["code"] == "file-link"
    (folder / "a.nii.gz").unlink()
    with (folder / "a.nii").open("wb") as stream:
        stream.truncate(300 * 1024**2)
    assert main(["quantify", str(folder), "--basis", BASIS, "--json"]) == 2
    assert refusal_of(capsys)["code"] == "archive-too-large"


def test_a_file_beyond_two_gigabytes_is_not_opened(tmp_path, capsys) -> None:
    for name, size in (("scan.nii", 2 * 1024**3 + 1), ("scan.SDAT", 257 * 1024**2)):
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(size)
        (tmp_path / "scan.SPAR").write_bytes(b"samples : 1\n")
        assert main(["quantify", str(tmp_path / name), "--basis", BASIS, "--json"]) == 2
        assert refusal_of(capsys)["code"] == "file-too-large"


def test_mirrored_data_are_turned_and_the_turn_is_on_record(tmp_path, capsys) -> None:
    path = write(tmp_path, brain().conjugated())
    assert main(["quantify", str(path), "--basis", BASIS, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"step": "orientation", "was_conjugated": True} in document["preprocessing"]
    kept = convert(path, out=tmp_path / "out.nii.gz")
    assert kept.conditions == ()
