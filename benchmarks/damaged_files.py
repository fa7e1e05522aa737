"""Real files damaged at random, each quantified as an upload would be: `./portal bench damaged_files [--rounds N]`.

Gate: a refusal with a code and a sentence, or the whole file's number (within its bound), or a number with a flag that
the whole file has not; no crash, nothing on standard error, nothing over five seconds of work, and never a word of a
header that may say who was measured. Each in a process of its own with the sandbox's limits.
"""

import argparse
import collections
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sessions.mrs.__main__ import main as command_line
from sessions.mrs.errors import MrsError
from sessions.mrs.pipeline import quantify
from tests.factories.damage import damaged
from tests.factories.identifiers import forms, identifiers
from tests.factories.spectra import shared_data

DATA = shared_data()
PRESS, STEAM = "sim:press:16,19@3T", "sim:steam:11,32@7T"
PHILIPS = "philips3t_sdat/sub-01/ses-01/mrs/sub-01_ses-01_press/sub-01_PRESS_35_act"
SOURCES = {
    "rda": (["vendor/SVS_30.rda"], PRESS),
    "ima": (["vendor/SVS_30.IMA"], PRESS),
    "xa dicom": (["vendor/SVS_XA60.dcm"], PRESS),
    "philips": ([f"{PHILIPS}.sdat", f"{PHILIPS}.spar"], PRESS),
    "nifti": (["steam7t_nifti/metab.nii.gz"], STEAM),
    "nifti of coils": (["steam7t_nifti/metab_raw.nii.gz"], STEAM),
}
SECONDS, MEMORY_BYTES = 5, 2 * 1024**3
SAME = 0.02
SHORTEST = 5
FORBIDDEN = re.compile(r"Traceback|Error\b|Exception|site-packages|/tmp|\.py\b")


def telling(paths, own):
    """Return the strings of files that may tell who was measured: those that are not our own words."""
    return {word for word in identifiers(paths) if len(word) > SHORTEST and word.lower().encode() not in own}


def own_words():
    """Return what our own messages and results are made of, in lower case."""
    sources = [*(ROOT / "sessions" / "mrs").rglob("*.py"), ROOT / "docs" / "reference" / "formats.md"]
    return b" ".join(path.read_bytes() for path in sources).lower()


def answer(arguments, folder):
    """Run one command in a child; return exit code, seconds of work, standard output and error."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            resource.setrlimit(resource.RLIMIT_CPU, (30, 32))
            warnings.simplefilter("default")
            signal.alarm(90)
            for number, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            code = command_line(arguments)
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    said = [(folder / name).read_text(errors="replace") if (folder / name).exists() else "" for name in ("out", "err")]
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, *said


def judged(told, words, whole):
    """Return what became of a file, and what is wrong with that, if anything."""
    code, seconds, out, err = told
    if code not in {0, 2} or err:
        return "crash", f"exit code {code}: {err.strip().splitlines()[-1:] or ''}"
    if seconds > SECONDS:
        return "slow", f"{seconds:.1f} s of work"
    try:
        document = json.loads(out, parse_constant=no_number)
    except ValueError:
        return "garbled", out[:100]
    if leak := next((word for word in words for form in forms(word) if form in out.encode()), None):
        return "leak", leak
    return refused(document["error"]) if "error" in document else measured(document, whole)


def no_number(name):
    """Refuse NaN and infinity, which JSON has not."""
    raise ValueError(name)


def refused(error):
    """Judge a refusal by its sentence."""
    message = error["message"]
    is_sentence = message.endswith(".") and message[0].isupper() and not FORBIDDEN.search(message)
    return error["code"], "" if is_sentence else message


def measured(document, whole):
    """Judge a number by that of the whole file."""
    ratio = document["ratios"]["Glx/tNAA"]
    value = ratio["value"]
    if whole is None:
        return "number of what has none", f"{value}"
    truth = whole["ratios"]["Glx/tNAA"]["value"]
    if value is not None and abs(value / truth - 1) <= max(SAME, ratio["crlb_percent"] / 100):
        return "same number", ""
    if set(document["flags"]) - set(whole["flags"]) or value is None:
        return "other number, flagged", ""
    return "other number", f"{value} without a flag, of {truth}"


def whole_document(path, basis):
    """Return the result of a whole file; None where it is refused, as the ethanol phantom is."""
    try:
        return quantify(path, basis=basis).document
    except MrsError:
        return None


def main() -> int:
    """Print the table; return 1 when a file misses the gate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60, help="damaged files of each source")
    parser.add_argument("--seed", type=int, default=20260726)
    parser.add_argument("--only", choices=SOURCES, help="one source")
    parser.add_argument("--keep", type=Path, help="a folder for the files that miss the gate")
    given = parser.parse_args()
    if not DATA.is_dir():
        print("The shared reference data are not on this machine.")
        return 1
    warnings.simplefilter("ignore")  # what pydicom says of the damage that is being done
    own = own_words()
    began, slowest, wrong = time.perf_counter(), 0.0, []
    chosen = {given.only: SOURCES[given.only]} if given.only else SOURCES
    for source, (names, basis) in chosen.items():
        paths = [DATA / name for name in names]
        files = {path.name: path.read_bytes() for path in paths}
        words, whole = telling(paths, own), whole_document(paths[0], basis)
        found = collections.Counter()
        for turn in range(given.rounds):
            changed, way = damaged(files, f"{given.seed} {source} {turn}")
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                for one, content in changed.items():
                    (folder / one).write_bytes(content)
                asked = ["quantify", str(folder / paths[0].name), "--basis", basis, "--json"]
                told = answer(asked, folder)
            what, problem = judged(told, words, whole)
            found[what] += 1
            slowest = max(slowest, told[1])
            if problem:
                wrong.append((source, turn, way, what, problem))
                if given.keep:
                    for one, content in changed.items():
                        (given.keep / f"{source}-{turn}-{one}").write_bytes(content)
            if turn % 20 == 19:
                print(f"  {source}: {turn + 1} of {given.rounds}", file=sys.stderr, flush=True)
        print(f"{source}: {', '.join(f'{count} {what}' for what, count in found.most_common())}", flush=True)
    total = given.rounds * len(chosen)
    print(f"{total} files, seed {given.seed}, most work {slowest:.2f} s, {time.perf_counter() - began:.0f} s in all")
    for source, turn, way, what, problem in wrong:
        print(f"  WRONG: {source} {turn} ({way}): {what}: {problem}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
