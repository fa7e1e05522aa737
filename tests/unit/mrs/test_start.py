"""What a command loads before it looks at a file: a bad file must not wait for the engine."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories.spectra import BASIS

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from sessions.mrs.__main__ import main
assert main(sys.argv[1:]) == 2
heavy = ("scipy", "nibabel", "pydicom", "spec2nii", "sessions.mrs.pipeline", "sessions.mrs.simulate")
print(sorted(name for name in heavy if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "command",
    [["quantify", "absent.nii.gz", "--basis", BASIS, "--json"], ["convert", "absent.nii.gz", "--out", "o", "--json"]],
)
def test_a_file_is_looked_at_before_the_engine_is_loaded(command) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert finished.stderr == "[]\n"
    assert '"code": "file-missing"' in finished.stdout
