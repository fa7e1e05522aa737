"""Searches of what lies on disk: dumps, the broker's memory and its append-only file, logs, built static files."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from redis import Redis

from studyportal.embedded.folder import DataFolder
from studyportal.embedded.postgres import SUPERUSER, binaries
from tests.conftest import DATA
from tests.factories.worlds import SEQUENCES, TREATMENTS

# Codes of three letters come by chance in texts of random letters; names and sequences do not.
WORDS = tuple(sorted({*SEQUENCES.values(), *(name for _, name in TREATMENTS.values())}))
# What the suite itself writes to show that a search would find it.
PLANTED = "planted:"
FOUND = re.compile("|".join(rf"(?<!{PLANTED}){word}" for word in WORDS).encode(), re.IGNORECASE)
FOUND_WHEN_PLANTED = re.compile("|".join(f"{PLANTED}{word}" for word in WORDS).encode(), re.IGNORECASE)
# The design is public: these tables name treatments and sequences, and belong to nobody. A list's header names all
# sequences of the design as they were when it was drawn, in the design's order; the places that hold them are sealed.
DESIGN = ("public.study_sessions_treatment", "public.study_sessions_sequence", "alloc.randomization_list")
HEX = re.compile(rb"\\+x((?:[0-9a-f]{2})+)")
Cells = dict[str, bytes]


def dump(database: str) -> bytes:
    """Return the whole database as `pg_dump` writes it for its administrator."""
    folder = DataFolder(DATA)
    command = [binaries() / "pg_dump", "--host", folder.run / "pg", "--username", SUPERUSER, "--dbname", database]
    environment = {**os.environ, "PGPASSWORD": folder.secret("admin_password")}
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout


def rows_of(dumped: bytes) -> Iterator[tuple[str, Cells]]:
    """Yield each row of a dump with its table, cell by column."""
    table, columns = "", []
    for line in dumped.split(b"\n"):
        if found := re.match(rb"COPY (\S+) \((.*)\) FROM stdin;", line):
            table, columns = found[1].decode(), [name.strip(' "') for name in found[2].decode().split(",")]
        elif line == b"\\.":
            table = ""
        elif table:
            yield table, dict(zip(columns, line.split(b"\t"), strict=True))


def told_by(dumped: bytes) -> list[str]:
    """Return where a dump names a treatment or a sequence outside the public design, in clear or in hex."""
    found = []
    for table, cells in rows_of(dumped):
        about = cells.get("tbl", b"").decode() if table == "audit.change" else table
        if about in DESIGN:
            continue
        for column, cell in cells.items():
            texts = [cell, *(bytes.fromhex(one[1].decode()) for one in HEX.finditer(cell))]
            found += [f"{table}.{column} about {about}" for text in texts if FOUND.search(text)]
    return found


def told_in_files(files: Iterable[Path], pattern: re.Pattern[bytes] = FOUND) -> list[str]:
    """Return the files that hold a word, with the word."""
    return [f"{path.name}: {found[0]!r}" for path in files if (found := pattern.search(path.read_bytes()))]


def told_in_broker(server: Redis, pattern: re.Pattern[bytes] = FOUND) -> list[str]:
    """Return the keys of a broker's database whose dump holds a word."""
    return [key.decode() for key in server.keys("*") if pattern.search(key + b"".join(_values(server, key)))]


def _values(server: Redis, key: bytes) -> list[bytes]:
    kind = server.type(key)
    if kind == b"list":
        return list(server.lrange(key, 0, -1))
    if kind == b"hash":
        return [part for pair in server.hgetall(key).items() for part in pair]
    if kind == b"set":
        return list(server.smembers(key))
    if kind == b"zset":
        return list(server.zrange(key, 0, -1))
    return [server.get(key) or b""]


def files_of_the_broker() -> list[Path]:
    """Return the append-only files: every message that the run has published, in clear."""
    return sorted(path for path in (DATA / "valkey").rglob("*.aof") if path.is_file())


def log_files() -> list[Path]:
    """Return the logs of the processes of this run: PostgreSQL and the broker, and of portals that tests have run."""
    return sorted(path for path in DATA.rglob("*.log") if path.is_file())
