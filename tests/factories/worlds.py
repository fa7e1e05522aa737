"""Twin worlds: databases that agree on everything but who has which sequence, built by the real services.

Every world tells one story, step by step. Time stands where the story says, and each step draws its randomness from a
stream named after the step, so that two builds of one plan are equal byte for byte and two plans differ in nothing but
what the plan changes. Only two things are not run for real: the fit itself (its document is given, the whole job code
around it is real) and the server's clock, which a schema of this file's own shadows.
"""

import datetime
import fcntl
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psycopg
import time_machine
from django.conf import settings
from django.db import connections
from django.db.utils import load_backend
from django.test import override_settings

from sessions.allocation import generation as allocation
from sessions.randomization.commitment import merkle_root
from sessions.randomization.generate import GeneratedList, Slot
from studyportal.audit.context import acting
from studyportal.embedded.folder import DataFolder
from studyportal.embedded.postgres import SUPERUSER
from tests.conftest import DATA, administrator_dsn, clone_template

NOW = datetime.datetime(2026, 6, 3, 10, 0, tzinfo=datetime.UTC)
"""When the worlds are looked at; the story ends shortly before."""
SLOTS = 8
PLACES = 64
"""Eight in each of four strata, and as many beside them for the emergency sheets."""
USED_UP = "01|F"
HOME = DATA / "twins"

# Words and codes that stand nowhere else, so that finding one means finding the secret's alphabet.
TREATMENTS = {"A": ("QVX", "Quorvane"), "B": ("ZPH", "Zelphine")}
SEQUENCES = {"AB": "QVXZPH", "BA": "ZPHQVX"}

SHADOW = """
CREATE SCHEMA twin;
CREATE FUNCTION twin.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT coalesce(nullif(current_setting('twin.now', true), ''), '2026-06-03 10:00+00')::timestamptz $$;
CREATE FUNCTION twin.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT twin.clock_timestamp() $$;
CREATE FUNCTION twin.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT twin.clock_timestamp() $$;
CREATE FUNCTION twin.name_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.id := md5(NEW.tbl || '|' || NEW.pk || '|' || NEW.seq)::uuid;
    RETURN NEW;
END $$;
CREATE TRIGGER name_change BEFORE INSERT ON audit.change FOR EACH ROW EXECUTE FUNCTION twin.name_change();
GRANT USAGE ON SCHEMA twin TO PUBLIC;
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT oid FROM pg_proc WHERE prosrc LIKE '%clock_timestamp()%'
        AND pronamespace IN ('audit'::regnamespace, 'alloc'::regnamespace, 'public'::regnamespace)
    LOOP
        EXECUTE replace(pg_get_functiondef(found.oid), ' clock_timestamp()', ' twin.clock_timestamp()');
    END LOOP;
    EXECUTE format('ALTER DATABASE %I SET search_path = twin, pg_catalog, public', current_database());
END $$;
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes a world: the list it allocates from, and whether the outcomes a rater may not know are exchanged."""

    name: str
    sequences: str = "base"
    slots: int = SLOTS
    outcomes: str = "base"


# The five places that the story takes, each by one participant; exchanging one of them exchanges one participant.
TAKEN = (("01|F", 1), ("01|F", 2), ("01|M", 1), ("02|F", 1), ("02|M", 1))
PLANS = {
    plan.name: plan
    for plan in (
        Plan("base"),
        Plan("again"),
        Plan("swap", sequences="swap"),
        *(Plan(f"one_{n}", sequences=f"one {n}") for n in range(1, len(TAKEN) + 1)),
        *(Plan(f"list_{n}", sequences=f"list {n}") for n in range(1, 6)),
        Plan("const", sequences="const"),
        Plan("exhausted", slots=3),
        Plan("outcomes", outcomes="exchanged"),
    )
}
# Worlds that differ from the base in who has which sequence, or in how many places there are.
SECRETS = tuple(name for name in PLANS if name not in {"base", "again", "outcomes"})


@dataclass(frozen=True, slots=True)
class Twin:
    """A built world: where it lives, and what only the suite may know about it."""

    name: str
    database: str
    files: Path
    sequences: dict[str, str]
    slots: dict[str, str]
    tokens: dict[str, str]
    values: dict[str, list[str]]


class Stream:
    """Bytes that follow from a label: the operating system's randomness of one step."""

    def __init__(self, label: str) -> None:
        self.label, self.count = label, 0

    def __call__(self, size: int) -> bytes:
        """Return the next bytes."""
        out = b""
        while len(out) < size:
            out += hashlib.sha256(f"{self.label}|{self.count}".encode()).digest()
            self.count += 1
        return out[:size]


@contextmanager
def seeded(label: str) -> Iterator[None]:
    """Let `os.urandom`, and with it `uuid4` and `secrets`, follow from `label` inside the block."""
    stream, real = Stream(label), (os.urandom, random._urandom)  # type: ignore[attr-defined]
    state = random.getstate()
    random.seed(label)
    os.urandom = random._urandom = stream  # type: ignore[assignment,attr-defined]
    try:
        yield
    finally:
        os.urandom, random._urandom = real  # type: ignore[attr-defined]
        random.setstate(state)


@contextmanager
def frozen(moment: datetime.datetime) -> Iterator[None]:
    """Stop Python's clock and the database's at `moment`."""
    with time_machine.travel(moment, tick=False):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT set_config('twin.now', %s, false)", [moment.isoformat()])
        yield


@contextmanager
def connected(database: str, login: str = SUPERUSER) -> Iterator[None]:
    """Let Django's default connection be a real login to `database`."""
    secret = "admin_password" if login == SUPERUSER else f"{login}_password"
    before = connections["default"]
    values = before.settings_dict | {
        "NAME": database, "USER": login, "PASSWORD": DataFolder(DATA).secret(secret), "TIME_ZONE": None,
    }  # fmt: skip
    own = load_backend(values["ENGINE"]).DatabaseWrapper(values, "default")
    connections["default"] = own
    try:
        yield
    finally:
        own.close()
        connections["default"] = before


@contextmanager
def storing(files: Path) -> Iterator[None]:
    """Keep study files in a folder of the world's own."""
    store = {**settings.STORAGES["study_files"], "OPTIONS": {"location": files}}
    with override_settings(STORAGES={**settings.STORAGES, "study_files": store}):
        yield


@contextmanager
def listed(plan: Plan) -> Iterator[None]:
    """Make lists of the plan: the base list's places and numbers, the plan's sequences in them.

    A root is published, and is another one in each world: it commits to the sequences. It tells nothing of them
    (tests/unit/randomization/test_why_the_root_tells_nothing.py), so all worlds have the base's, and no answer of the
    crawl has to be stepped round.
    """
    real, real_root = allocation.generate_list, allocation.root_to_publish
    bases: list[GeneratedList] = []

    def generate(**asked: object) -> GeneratedList:
        whole = {**asked, "slots_per_stratum": SLOTS}
        base = real(**whole | _seed("base"))
        bases.append(base)
        fresh = real(**whole | _seed(plan.sequences)) if plan.sequences.startswith("list") else base
        slots = tuple(
            replace(slot, sequence=planned(plan, slot, drawn.sequence))
            for slot, drawn in zip(base.slots, fresh.slots, strict=True)
            if slot.ordinal <= plan.slots
        )
        return GeneratedList(slots, merkle_root([slot.leaf for slot in base.slots]))

    allocation.generate_list = generate
    allocation.root_to_publish = lambda terms, _seed_of_now, _slots: real_root(
        terms, Stream("base")(32), bases[-1].slots
    )
    try:
        yield
    finally:
        allocation.generate_list, allocation.root_to_publish = real, real_root


def planned(plan: Plan, slot: Slot, drawn: str) -> str:
    """Return the sequence that a plan puts into a place for which `drawn` came out."""
    first, second = SEQUENCES.values()
    exchanged = {first: second, second: first}[drawn]
    if plan.sequences == "const":
        return first
    if plan.sequences == "swap":
        return exchanged
    if plan.sequences.startswith("one "):
        return exchanged if (slot.stratum, slot.ordinal) == TAKEN[int(plan.sequences[4:]) - 1] else drawn
    return drawn


def _seed(label: str) -> dict[str, bytes]:
    return {"seed": Stream(label)(32)}


def twin(name: str) -> Twin:
    """Return a world, built once per run whoever comes first."""
    plan, record = PLANS[name], HOME / f"{name}.json"
    HOME.mkdir(exist_ok=True)
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            record.write_text(json.dumps(asdict(build(plan)), default=str))
    said = json.loads(record.read_text())
    return Twin(**said | {"files": Path(said["files"])})


def build(plan: Plan, *, patches: Callable[[], contextmanager] | None = None, suffix: str = "") -> Twin:
    """Tell the story in a database of its own."""
    from tests.factories.world_story import tell

    name = plan.name + suffix
    database, files = f"twin_{name}", HOME / name
    shutil.rmtree(files, ignore_errors=True)
    clone_template(database)
    with psycopg.connect(administrator_dsn(database), autocommit=True) as admin:
        admin.execute(SHADOW)
    with ExitStack() as stack:
        stack.enter_context(connected(database))
        stack.enter_context(storing(files))
        stack.enter_context(acting("user:suite"))
        stack.enter_context(listed(plan))
        if patches:
            stack.enter_context(patches())
        return Twin(name, database, files, *tell(plan))
