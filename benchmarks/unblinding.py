"""The trail first, whatever dies: reveals at the vault killed at random points between announcement and answer.

    ./portal bench unblinding [--kills 1000] [--json]

Starts a database of its own in a temporary folder, fills it with the small demo and removes it. Each run is a process
of its own with the vault's login that reveals a participant and answers; it is killed (SIGKILL) after a random time.
What counts: no slot was opened, and nothing answered, of which the trail holds no committed announcement.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from studyportal.embedded.folder import DataFolder
from studyportal.embedded.postgres import Postgres
from studyportal.embedded.provision import provision

REPOSITORY = Path(__file__).resolve().parent.parent
REVEALS = REPOSITORY / "benchmarks" / "killing" / "reveals.py"


@dataclass(frozen=True, slots=True)
class Result:
    """What happened to the runs; `opened_before_announced` and `answered_before_announced` must be zero."""

    kills: int
    killed_before_the_announcement: int
    announced_only: int
    opened: int
    answered: int
    opened_before_announced: int
    answered_before_announced: int
    milliseconds_a_reveal: float

    @property
    def is_clean(self) -> bool:
        """Whether the trail came first every time."""
        return self.opened_before_announced == self.answered_before_announced == 0


def in_vault(environment: dict[str, str], kills: int, seed: int = 1) -> Result:
    """Run it in a process that is the vault of `environment`'s data folder and database."""
    command = [sys.executable, str(REVEALS), str(kills), str(seed)]
    own = {**environment, "PORTAL_PROCESS": "vault", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=REPOSITORY, env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Start a database with the small demo, kill, print, remove everything."""
    parser = argparse.ArgumentParser(description="Killed reveals.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as place:
        Path(place).chmod(0o755)
        folder = DataFolder(Path(place) / "data")
        folder.open()
        folder.secret("identity_key")
        postgres = Postgres(folder)
        postgres.start()
        environment = {
            **os.environ, "PORTAL_DATA": str(folder.path), "DJANGO_SETTINGS_MODULE": "studyportal.settings.dev"
        }  # fmt: skip
        try:
            provision(postgres.dsn(), "portal", folder.secret)
            for process, *command in (("owner", "prepare"), ("web", "demo", "--size", "small")):
                own = {**environment, "PORTAL_PROCESS": process}
                subprocess.run([sys.executable, "manage.py", *command], cwd=REPOSITORY, env=own, check=True)
            began = time.monotonic()
            result = in_vault(environment, options.kills, options.seed)
            seconds = time.monotonic() - began
        finally:
            postgres.stop()
            folder.close()
    for name, value in asdict(result).items():
        print(f"{name.replace('_', ' '):34} {value}")
    print(f"{'seconds':34} {seconds:.0f}")
    if options.json:
        print(json.dumps(asdict(result)))
    return 0 if result.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
