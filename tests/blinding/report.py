"""Figures of the run, for the closing note: written beside the throw-away data and printed at the end."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import DATA

FIGURES = DATA / "blinding.json"
Figures = dict[str, object]


@contextmanager
def _held() -> Iterator[Figures]:
    """Read and write the figures while nobody else does."""
    with FIGURES.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = figures()
        yield known
        FIGURES.write_text(json.dumps(known, indent=1, sort_keys=True))


def figure(name: str, value: object) -> None:
    """Note one figure; the last one said counts."""
    with _held() as known:
        known[name] = value


def add(name: str, value: int) -> None:
    """Add to a figure that several tests make together."""
    with _held() as known:
        known[name] = int(str(known.get(name, 0))) + value


def figures() -> Figures:
    """Return what was noted."""
    return dict(json.loads(FIGURES.read_text())) if FIGURES.exists() else {}
