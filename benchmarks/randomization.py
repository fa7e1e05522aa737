"""Randomization under load: real connections as `portal_web`, every participant asked for twice, some rolled back.

    ./portal bench randomization [--participants 10000] [--connections 32] [--rollback-percent 5] [--json]

Starts a database of its own in a temporary folder and removes it. What counts: nobody gets two numbers, no number goes
to two, every place of the list is used in order, and nothing is lost when a transaction is taken back.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from studyportal.embedded.folder import DataFolder
from studyportal.embedded.postgres import Postgres
from studyportal.embedded.provision import provision

REPOSITORY = Path(__file__).resolve().parent.parent
STRATA = ("01|F", "01|M", "02|F", "02|M")
ACTOR = "SELECT set_config('portal.actor', 'user:race', true)"

SETUP = """
WITH person AS (
    INSERT INTO accounts_user (id, password, username, full_name, email, is_active, date_joined)
    VALUES (gen_random_uuid(), '!', 'race', 'Race', '', true, now()) RETURNING id
), second AS (
    INSERT INTO accounts_user (id, password, username, full_name, email, is_active, date_joined)
    VALUES (gen_random_uuid(), '!', 'second', 'Second', '', true, now()) RETURNING id
), study AS (
    INSERT INTO studies_study (id, code, name, title, registration_number, is_synthetic, status, recruitment_target,
        recruitment_starts_on, recruitment_ends_on, participant_prefix, minimum_age_years, maximum_age_years,
        minimum_washout_days, strata_factors, item10_threshold, remission_threshold, mrs_primary_ratio, mrs_settings,
        keeps_originals)
    VALUES (gen_random_uuid(), 'RACE', 'Race', '', '', true, 'recruiting', 100, '2026-01-01', '2026-12-31', 'RACE', 18,
        65, 14, '[]', 4, 10, 'Glx/tNAA', '{}', false) RETURNING id
), site AS (
    INSERT INTO studies_site (id, study_id, code, name, time_zone, recruitment_target, is_active)
    SELECT gen_random_uuid(), id, '01', 'One', 'Europe/London', 0, true FROM study RETURNING id, study_id
), people AS (
    INSERT INTO participants_participant (id, study_id, site_id, number, sex, age_years, status, screened_at,
        screened_by_id, randomization_number)
    SELECT gen_random_uuid(), site.study_id, site.id, 'RACE-' || n, 'F', 30, 'screening', now(), person.id, ''
    FROM site, person, generate_series(1, %(participants)s) AS n
), list AS (
    INSERT INTO alloc.randomization_list (id, study_id, position, state, method, parameters, generator,
        slots_per_stratum, sequences, commits_to, commitment_root, sealed_seed, drafted_by_id, drafted_at,
        generated_by_id, generated_at, approved_by_id, approved_at, published_by_id, published_at, activated_by_id,
        activated_at, closed_reason)
    SELECT gen_random_uuid(), study.id, 1, 'active', 'big_stick', '{}', 'hmac-drbg-sha256', %(slots)s, '["AB", "BA"]',
        'slots', repeat('0', 64), '\\x00', person.id, now(), person.id, now(), second.id, now(), second.id, now(),
        second.id, now(), ''
    FROM study, person, second RETURNING id
), stratum AS (
    INSERT INTO alloc.stratum (id, list_id, key, taken)
    SELECT gen_random_uuid(), list.id, key, 0 FROM list, unnest(%(strata)s::text[]) AS key RETURNING id, key
)
INSERT INTO alloc.list_slot (id, stratum_id, ordinal, number, sealed)
SELECT gen_random_uuid(), stratum.id, n, 'R-' || substr(md5(stratum.key || n), 1, 10), '\\x00'
FROM stratum, generate_series(1, %(slots)s) AS n
"""

OUTCOME = """
SELECT s.key, l.ordinal, l.number, a.participant_id, a.allocated_at
FROM alloc.allocation a JOIN alloc.list_slot l ON l.id = a.slot_id JOIN alloc.stratum s ON s.id = l.stratum_id
ORDER BY s.key, l.ordinal
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What happened; duplicates, losses, gaps, inversions and errors must all be zero."""

    participants: int
    requests: int
    duplicates: int
    losses: int
    gaps: int
    inversions: int
    errors: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.duplicates or self.losses or self.gaps or self.inversions or self.errors)


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a number; `taken_back` ones are rolled back once before they are repeated."""

    participant: uuid.UUID
    study: uuid.UUID
    stratum: str
    taken_back: bool


def race(admin: str, web: str, *, participants: int, connections: int = 32, rollback_percent: int = 5) -> Result:
    """Randomize every participant twice at once and return what happened.

    `admin` and `web` are connection strings to one freshly migrated database.
    """
    with psycopg.connect(admin) as connection:
        connection.execute(ACTOR)
        slots = -(-participants // len(STRATA))
        # Past the guards of the list's states: this list is made of one piece.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(SETUP, {"participants": participants, "strata": list(STRATA), "slots": slots})
        connection.execute("SET LOCAL session_replication_role = origin")
        people = connection.execute("SELECT id, study_id FROM participants_participant ORDER BY number").fetchall()
    work: SimpleQueue[Request] = SimpleQueue()
    for index in range(2 * len(people)):
        participant, study = people[index // 2]
        # The same share everywhere and without chance; both requests of a participant stand beside each other.
        work.put(Request(participant, study, STRATA[index // 2 % len(STRATA)], index * 7 % 100 < rollback_percent))
    answers: list[tuple[uuid.UUID, str | None, float]] = []
    errors: list[str] = []
    ready = threading.Barrier(connections + 1)

    def one() -> None:
        with psycopg.connect(web, autocommit=True) as connection:
            ready.wait()
            while True:
                try:
                    request = work.get_nowait()
                except Empty:
                    return
                began = time.perf_counter()
                try:
                    if request.taken_back:
                        randomize(connection, request, taken_back=True)
                    number = randomize(connection, request)
                except psycopg.Error as error:
                    errors.append(str(error))
                    continue
                answers.append((request.participant, number, 1000 * (time.perf_counter() - began)))

    with ThreadPoolExecutor(connections) as pool:
        running = [pool.submit(one) for _ in range(connections)]
        ready.wait()
        began = time.perf_counter()
        for each in running:
            each.result()
        seconds = time.perf_counter() - began
    with psycopg.connect(admin) as connection:
        allocations = connection.execute(OUTCOME).fetchall()
    return judged([key for key, _ in people], answers, errors, allocations, seconds)


def randomize(connection: Any, request: Request, *, taken_back: bool = False) -> str | None:
    """Do what the randomization service does in one transaction; take it back at the end if asked."""
    with connection.transaction(force_rollback=taken_back):
        connection.execute(ACTOR)
        (present,) = connection.execute(
            "SELECT randomization_number FROM participants_participant WHERE id = %s FOR UPDATE", [request.participant]
        ).fetchone()
        if present:
            return str(present)
        (number,) = connection.execute(
            "SELECT alloc.allocate(%s, %s, %s, %s)",
            [request.participant, request.study, request.stratum, uuid.uuid4()],
        ).fetchone()
        if number is None:
            return None
        connection.execute(
            "UPDATE participants_participant SET randomization_number = %s, randomized_at = now(), "
            "status = 'randomized' WHERE id = %s",
            [number, request.participant],
        )
        return str(number)


def judged(
    people: list[uuid.UUID],
    answers: list[tuple[uuid.UUID, str | None, float]],
    errors: list[str],
    allocations: list[tuple[Any, ...]],
    seconds: float,
) -> Result:
    """Compare what was told with what is written.

    Duplicates: a participant told two numbers, or a number told to two. Losses: a participant whose number is not
    written as it was told. Gaps and inversions: places of a stratum left out, or taken in another order than written.
    """
    told: dict[uuid.UUID, set[str | None]] = {}
    for participant, number, _ in answers:
        told.setdefault(participant, set()).add(number)
    holders = Counter(number for numbers in told.values() for number in numbers)
    written = {participant: number for _, _, number, participant, _ in allocations}
    gaps = inversions = 0
    for stratum in STRATA:
        own = [(ordinal, at) for key, ordinal, _, _, at in allocations if key == stratum]
        gaps += sum(ordinal != place for place, (ordinal, _) in enumerate(own, start=1))
        inversions += sum(own[i][1] >= own[i + 1][1] for i in range(len(own) - 1))
    times = sorted(ms for _, _, ms in answers) or [0.0]
    return Result(
        participants=len(people),
        requests=2 * len(people),
        duplicates=sum(len(numbers) > 1 for numbers in told.values()) + sum(n > 1 for n in holders.values()),
        losses=sum(key not in written or told.get(key) != {written[key]} for key in people),
        gaps=gaps,
        inversions=inversions,
        errors=len(errors),
        requests_per_second=round(len(answers) / seconds, 1),
        p50_ms=round(times[len(times) // 2], 2),
        p99_ms=round(times[min(len(times) - 1, len(times) * 99 // 100)], 2),
    )


def as_login(dsn: str, login: str, password: str) -> str:
    """Return the connection string of another login of the same database."""
    return make_conninfo(dsn, user=login, password=password)


def main() -> int:
    """Start a database, race, print, remove everything."""
    parser = argparse.ArgumentParser(description="Randomization under load.")
    parser.add_argument("--participants", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rollback-percent", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as place:
        Path(place).chmod(0o755)
        folder = DataFolder(Path(place) / "data")
        folder.open()
        postgres = Postgres(folder)
        postgres.start()
        try:
            provision(postgres.dsn(), "portal", folder.secret)
            environment = {
                **os.environ, "PORTAL_DATA": str(folder.path), "PORTAL_PROCESS": "owner",
                "DJANGO_SETTINGS_MODULE": "studyportal.settings.dev",
            }  # fmt: skip
            command = [sys.executable, "manage.py", "migrate", "-v0"]
            subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
            admin = postgres.dsn("portal")
            result = race(
                admin, as_login(admin, "portal_web", folder.secret("portal_web_password")),
                participants=options.participants, connections=options.connections,
                rollback_percent=options.rollback_percent,
            )  # fmt: skip
        finally:
            postgres.stop()
            folder.close()
    for name, value in asdict(result).items():
        print(f"{name.replace('_', ' '):20} {value}")
    if options.json:
        print(json.dumps(asdict(result)))
    return 0 if result.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
