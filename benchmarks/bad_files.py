"""How long every kind of malformed file takes to be refused, each in a process of its own: `./portal bench bad_files`.

Gate: each within five seconds by the clock, with its code, no crash and nothing on standard error.
"""

import collections
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.factories.malformed import kinds

SECONDS = 5.0


def refused(kind, folder):
    """Return seconds by the clock, seconds of work, and what was wrong with the answer, if anything."""
    path = kind.write(folder)
    command = [sys.executable, "-m", "sessions.mrs", "quantify", str(path), "--basis", kind.basis_in(folder), "--json"]
    began, before = time.perf_counter(), worked()
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ})
    seconds = (time.perf_counter() - began, worked() - before)
    try:
        code = json.loads(finished.stdout)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return *seconds, f"no refusal, exit code {finished.returncode}"
    if finished.stderr:
        return *seconds, "words on standard error"
    return *seconds, "" if code == kind.code else f"refused as {code}"


def worked():
    """Return the processor time of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Print the table; return 1 when a kind misses the gate."""
    rows = []
    for name, kind in kinds().items():
        with tempfile.TemporaryDirectory() as folder:
            rows.append((*refused(kind, Path(folder)), name))
        if len(rows) % 20 == 0:
            print(f"  {len(rows)} of {len(kinds())}", file=sys.stderr, flush=True)
    rows.sort(reverse=True)
    slow = [row for row in rows if row[0] > SECONDS]
    wrong = [row for row in rows if row[2]]
    print(f"{len(rows)} kinds, {len({kind.code for kind in kinds().values()})} codes, whole processes by the clock")
    print(f"median {rows[len(rows) // 2][0]:.2f} s, slowest {rows[0][0]:.2f} s, over {SECONDS:.0f} s: {len(slow)}")
    work = sorted(row[1] for row in rows)
    print(f"processor time: median {work[len(work) // 2]:.2f} s, most {work[-1]:.2f} s; load {os.getloadavg()[0]:.1f}")
    for seconds, used, _, name in rows[:5]:
        print(f"  {seconds:6.2f} s by the clock, {used:5.2f} s of work  {name}")
    for problem, count in collections.Counter(row[2] for row in wrong).items():
        print(f"  WRONG: {problem} ({count}): {', '.join(row[3] for row in wrong if row[2] == problem)}")
    return int(bool(slow or wrong))


if __name__ == "__main__":
    sys.exit(main())
