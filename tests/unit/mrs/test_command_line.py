"""The command line: lists of fits, simulation, import, bench; and a sentence for every wrong word."""

import json

import pytest

from sessions.mrs import SYNTHETIC_BASIS, simulate_functional
from sessions.mrs.__main__ import main
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.io import read_nifti_mrs
from tests.factories.spectra import shared_data

DATA = shared_data()
FAST = '{"sensitivity_factors": []}'


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    path = tmp_path_factory.mktemp("series") / "series.nii.gz"
    path.write_bytes(simulate_functional([1.2, 1.3], seed=2, transients_per_block=6, snr=60, block_minutes=2))
    return path


@pytest.fixture
def call(series, capsys):
    def called(*words, file=series):
        code = main(["quantify", str(file), "--basis", SYNTHETIC_BASIS, "--settings", FAST, *map(str, words), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return called


def test_windows_single_transients_blocks_and_events_give_a_list(call, tmp_path) -> None:
    blocks, events = tmp_path / "blocks.tsv", tmp_path / "events.tsv"
    blocks.write_text("first\tlast\tname\n0\t5\ta\n6\t11\tb\n")
    events.write_text("onset\tduration\ttrial_type\n120\t120\tlater\n")
    for words, members in (
        (("--window", 8), [list(range(i, i + 8)) for i in range(5)]),
        (("--window", 6, "--step", 6), [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]),
        (("--per-transient",), [[i] for i in range(12)]),
        (("--blocks", blocks), [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]),
        (("--events", events, "--response", "hrf", "--linewidth", "--drift", 0), [[6, 7, 8, 9, 10, 11]]),
        (("--tr", 10, "--dose", "1,2", "--window", 12, "--contrast", "dose"), [list(range(12))]),
    ):
        code, document = call(*words)
        assert code == 0
        assert [entry["transients"] for entry in document["series"]] == members, words
        assert {"ratios", "metabolites", "quality", "minutes"} <= set(document["series"][0])
    code, document = call()
    assert (code, "series" in document, len(document["blocks"])) == (0, False, 2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--window", "0"), "options-invalid", "Argument --window: '0' is not a whole number from 1."),
        (("--window", "five"), "options-invalid", "'five' is not a whole number"),
        (("--window", "99"), "series-invalid", "between 1 and the 12 transients"),
        (("--step", "2"), "options-invalid", "A step needs a window"),
        (("--tr", "0"), "options-invalid", "not a number above zero"),
        (("--tr", "nan"), "options-invalid", "not a number"),
        (("--tr", "99999"), "options-invalid", "between 0.05 and 3600 seconds"),
        (("--dose", "5"), "options-invalid", "not a start and a later end"),
        (("--dose", "5,2"), "options-invalid", "not a start and a later end"),
        (("--dose", "1,2", "--window", "4", "--contrast", "x"), "contrast-invalid", "it may name dose"),
        (("--contrast", "a"), "options-invalid", "needs a schedule of events or a dose"),
        (("--blocks", "nowhere.tsv"), "blocks-invalid", "there is no such file"),
        (("--blocks", "-3"), "blocks-invalid", "between 1 and the 12 transients"),
        (("--blocks", "13"), "blocks-invalid", "between 1 and the 12 transients"),
        (("--events", "nowhere.tsv"), "events-invalid", "The file nowhere.tsv was not found."),
        (("--drift", "9"), "options-invalid", "Argument --drift: invalid choice"),
        (("--response", "square"), "options-invalid", "Argument --response: invalid choice"),
        (("--what",), "options-invalid", "Unrecognized arguments: --what."),
        (("--condition", "ON"), "edit-condition", "not an edited one"),
        (("--curves", "/nowhere/curves.json"), "out-invalid", "curves.json cannot be written"),
    ],
)
def test_a_wrong_word_is_answered_with_a_sentence(call, words, code, said) -> None:
    exit_code, document = call(*words)
    assert exit_code == 2
    assert document["error"]["code"] == code
    assert said in document["error"]["message"]


def test_a_missing_command_is_answered_too(capsys) -> None:
    for words in ([], ["other"], ["quantify"]):
        assert main(words) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "options-invalid"


def test_a_list_is_a_table_for_people(series, capsys) -> None:
    words = ["quantify", str(series), "--basis", SYNTHETIC_BASIS, "--settings", FAST, "--window", "6", "--step", "6"]
    assert main([*words, "--tr", "20", "--dose", "2,4"]) == 0
    printed = capsys.readouterr().out
    assert "6-11" in printed
    assert "Glx/tNAA dose:" in printed


def test_a_series_is_simulated_with_its_truth(tmp_path, capsys) -> None:
    out = tmp_path / "made.nii.gz"
    words = ["simulate", "series", "--out", str(out), "--ratios", "1.2,1.3", "--transients-per-block", "3", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"synthetic": True, "basis": SYNTHETIC_BASIS, "truth": {"Glx/tNAA": [1.2, 1.3]}, "transients": 6}
    assert read_nifti_mrs(out).transients == 6


def test_a_basis_set_is_simulated_as_a_file(tmp_path, capsys) -> None:
    out = tmp_path / "made.basis"
    assert main(["simulate", "sim:press:11,19@3T", "--out", str(out), "--points", "1024", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    read = load_basis(out)
    assert list(read.names) == told["metabolites"]
    assert read.frequency_mhz == pytest.approx(told["frequency_mhz"], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("series",), "give --ratios"),
        (("series", "--ratios", "1,-2"), "not a number above zero"),
        (("series", "--ratios", "1", "--transients-per-block", "9999"), "at most 4096 transients"),
        (("other",), "Simulate `series`, or a basis set"),
        (("sim:press:11,19@3T", "--points", "9"), "256 to 16384 points"),
    ],
)
def test_what_cannot_be_simulated_is_said(words, said, tmp_path, capsys) -> None:
    assert main(["simulate", *words, "--out", str(tmp_path / "out")]) == 2
    assert said in json.loads(capsys.readouterr().out)["error"]["message"]


@pytest.mark.validation
@pytest.mark.skipif(not DATA.is_dir(), reason="the reference spectra are not beside this checkout")
def test_results_of_other_programs_are_read(capsys) -> None:
    assert main(["import", str(DATA / "lcmodel_results/svs_97.TABLE"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["program"] == "LCModel"
    assert "NAA" in [one["name"] for one in told["metabolites"]]


def test_what_is_no_result_is_refused(tmp_path, capsys) -> None:
    path = tmp_path / "other.csv"
    path.write_text("not a result\n")
    assert main(["import", str(path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"].startswith("import-")


def test_the_bench_measures_speed_and_alignment(tmp_path, capsys) -> None:
    assert main(["bench", "--transients", "10", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"engine_version", "speed", "alignment", "peak_memory_mb"}
    assert told["speed"]["series_of_transients"] == 10
    assert main(["bench", "--data", str(tmp_path)]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bench-data-missing"
