"""Randomization under load: everybody asked for twice at once, some transactions rolled back, connections killed.

    ./portal bench randomization [--participants 10000] [--connections 32] [--rollback-percent 5] [--kills 0]
                                 [--path service|sql] [--quick] [--json]

Starts a database of its own in a temporary folder and removes it. What counts: nobody gets two numbers, no number goes
to two, every place of the list is used in order, and nothing is lost when a transaction is taken back or its connection
dies: number, two sessions, message and trail of everybody are there, once.

The path is the honest one: Django's service `randomize` as a request runs it, logged in as `portal_web`, with
permission, password, every precondition under lock, `alloc.allocate()`, sessions, outbox and trail. Left out are HTTP
and the slow hash of the password, which is slow on purpose. `--path sql` asks the database alone.

Then: how long an allocation takes, how long a list of 10,000 rows takes to make and to verify, and how long the twin
worlds take (`--quick` leaves them out).
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import md5
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks import lists
from benchmarks.randomizing.drivers import ACTOR, PASSWORD, Request, Said, SqlLine, in_processes, work_off
from benchmarks.randomizing.judging import Result, allocating, judged
from sessions.randomization.generators import Generator
from sessions.randomization.methods import Method
from studyportal.embedded.folder import DataFolder
from studyportal.embedded.postgres import Postgres
from studyportal.embedded.provision import provision

REPOSITORY = Path(__file__).resolve().parent.parent
STRATA = ("01|F", "01|M", "02|F", "02|M")
PROCESSES = 2

SETUP = """
WITH person AS (
    INSERT INTO accounts_user (id, password, username, full_name, email, is_active, date_joined)
    VALUES (gen_random_uuid(), %(password)s, 'race', 'Race', 'race@bench.invalid', true, now()) RETURNING id
), second AS (
    INSERT INTO accounts_user (id, password, username, full_name, email, is_active, date_joined)
    VALUES (gen_random_uuid(), '!', 'second', 'Second', '', true, now()) RETURNING id
), study AS (
    INSERT INTO studies_study (id, code, name, title, registration_number, is_synthetic, status, recruitment_target,
        recruitment_starts_on, recruitment_ends_on, participant_prefix, minimum_age_years, maximum_age_years,
        minimum_washout_days, strata_factors, item10_threshold, remission_threshold, mrs_primary_ratio, mrs_settings,
        keeps_originals)
    VALUES (gen_random_uuid(), 'RACE', 'Race', '', '', true, 'recruiting', 100, '2026-01-01', '2026-12-31', 'RACE', 18,
        65, 14, '["site", "sex"]', 4, 10, 'Glx/tNAA', '{}', false) RETURNING id
), member AS (
    INSERT INTO accounts_studymembership (id, user_id, study_id, role, started_at)
    SELECT gen_random_uuid(), person.id, study.id, 'coordinator', now() FROM person, study
), site AS (
    INSERT INTO studies_site (id, study_id, code, name, time_zone, recruitment_target, is_active)
    SELECT gen_random_uuid(), id, code, code, 'Europe/London', 0, true FROM study, unnest(ARRAY['01', '02']) AS code
    RETURNING id, study_id, code
), period AS (
    INSERT INTO study_sessions_period (id, study_id, number, washout_days)
    SELECT gen_random_uuid(), id, number, 14 * (number - 1) FROM study, generate_series(1, 2) AS number
), criterion AS (
    INSERT INTO participants_eligibilitycriterion (id, study_id, code, kind, text, position)
    SELECT gen_random_uuid(), id, 'I' || n, 'inclusion', 'Criterion', n FROM study, generate_series(1, 3) AS n
), people AS (
    INSERT INTO participants_participant (id, study_id, site_id, number, sex, age_years, status, screened_at,
        screened_by_id, randomization_number)
    SELECT gen_random_uuid(), site.study_id, site.id, 'RACE-' || n, CASE n / 2 %% 2 WHEN 0 THEN 'F' ELSE 'M' END, 30,
        'screening', now(), person.id, ''
    FROM site, person, generate_series(1, %(participants)s) AS n
    WHERE n %% 2 = CASE site.code WHEN '01' THEN 0 ELSE 1 END
    RETURNING id
), consent AS (
    INSERT INTO participants_consent (id, participant_id, form_version, signed_on, recorded_at, recorded_by_id,
        withdrawn_reason)
    SELECT gen_random_uuid(), people.id, '1', current_date, now(), person.id, '' FROM people, person
), signature AS (
    INSERT INTO accounts_signature (id, signer_id, printed_name, meaning, record_label, record_id, content,
        content_sha256, signed_at, time_zone, void_reason)
    SELECT gen_random_uuid(), person.id, 'Race', 'Signed', 'eligibility', people.id, '{}', '', now(), 'UTC', ''
    FROM people, person RETURNING id, record_id
), assessment AS (
    INSERT INTO participants_eligibilityassessment (id, participant_id, answers, is_eligible, recorded_at,
        recorded_by_id, signed_at, signature_id)
    SELECT gen_random_uuid(), signature.record_id, '{"I1": true, "I2": true, "I3": true}', true, now(), person.id,
        now(), signature.id
    FROM signature, person
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
SELECT s.key, l.ordinal, l.number, a.participant_id, a.allocated_at, a.request_id
FROM alloc.allocation a JOIN alloc.list_slot l ON l.id = a.slot_id JOIN alloc.stratum s ON s.id = l.stratum_id
ORDER BY s.key, l.ordinal
"""

# Everything that a randomization writes, once: number and stratum, a session for each period, a message, an event.
WHOLE = """
SELECT p.id FROM participants_participant p JOIN studies_site s ON s.id = p.site_id
WHERE p.status = 'randomized' AND p.randomized_stratum = s.code || '|' || p.sex
    AND (SELECT count(*) FROM study_sessions_studysession o WHERE o.participant_id = p.id) = 2
    AND (SELECT count(*) FROM study_sessions_outboxmessage o WHERE o.participant_id = p.id) = 1
    AND p.number IN (SELECT target FROM audit.event WHERE name = 'participant randomized'
                     GROUP BY target HAVING count(*) = 1)
"""


def race(
    admin: str, web: str, *, participants: int, connections: int = 32, rollback_percent: int = 5, kills: int = 0
) -> Result:
    """Ask the database twice for every participant at once, without Django, and return what happened.

    `admin` and `web` are connection strings to one freshly migrated database.
    """
    people, requests = prepared(admin, participants, rollback_percent)
    with killing(admin, kills):
        began = time.perf_counter()
        said = work_off(requests, connections, lambda: SqlLine(web), lambda: None)
        seconds = time.perf_counter() - began
    with psycopg.connect(admin) as connection:
        allocations = connection.execute(OUTCOME).fetchall()
    return judged(people, said, allocations, set(people), seconds)


def service_race(
    admin: str, *, participants: int, connections: int, rollback_percent: int, kills: int
) -> tuple[Result, Said, list[tuple[Any, ...]]]:
    """Do the same through Django's service in processes of its own; the environment names their database."""
    people, requests = prepared(admin, participants, rollback_percent)
    with killing(admin, kills):
        said, seconds = in_processes(requests, connections, PROCESSES)
    with psycopg.connect(admin) as connection:
        allocations = connection.execute(OUTCOME).fetchall()
        whole = {key for (key,) in connection.execute(WHOLE)}
    return judged(people, said, allocations, whole, seconds), said, allocations


def prepared(admin: str, participants: int, rollback_percent: int) -> tuple[list[uuid.UUID], list[Request]]:
    """Make a study whose participants are all eligible; return them and two requests for each, side by side.

    Every second participant's two requests carry the same key, as a double click does, the others' two keys.
    """
    with psycopg.connect(admin) as connection:
        connection.execute(ACTOR)
        given = {"participants": participants, "strata": list(STRATA), "slots": participants // len(STRATA) + 2}
        # Read by the hasher of the test settings.
        fast = f"md5$race${md5(f'race{PASSWORD}'.encode(), usedforsecurity=False).hexdigest()}"
        # Past the guards of the list's states: this list is made of one piece.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(SETUP, {**given, "password": fast})
        connection.execute("SET LOCAL session_replication_role = origin")
        people = connection.execute(
            "SELECT p.id, p.study_id, s.code || '|' || p.sex FROM participants_participant p"
            " JOIN studies_site s ON s.id = p.site_id ORDER BY p.number"
        ).fetchall()
    requests = []
    for place, (participant, study, stratum) in enumerate(people):
        keys = [uuid.uuid4()] * 2 if place % 2 else [uuid.uuid4(), uuid.uuid4()]
        # The same share everywhere and without chance.
        taken_back = [(2 * place + side) * 7 % 100 < rollback_percent for side in (0, 1)]
        requests += [Request(participant, study, stratum, keys[side], taken_back[side]) for side in (0, 1)]
    return [participant for participant, *_ in people], requests


@contextmanager
def killing(admin: str, kills: int) -> Iterator[None]:
    """Inside the block, end a connection of the blinded login, whichever is at work, so many times."""
    done = threading.Event()

    def one() -> None:
        with psycopg.connect(admin, autocommit=True) as connection:
            left = kills
            while left and not done.wait(0.02):
                # Once the race is on: a line that dies before it is a line that never began.
                working = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE usename = 'portal_web' AND state <> 'idle'"
                    " AND datname = current_database() AND EXISTS (SELECT FROM alloc.allocation)"
                ).fetchall()
                if working:
                    connection.execute("SELECT pg_terminate_backend(%s)", [working[left % len(working)][0]])
                    left -= 1

    thread = threading.Thread(target=one)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def as_login(dsn: str, login: str, password: str) -> str:
    """Return the connection string of another login of the same database."""
    return make_conninfo(dsn, user=login, password=password)


@contextmanager
def own_database() -> Iterator[tuple[str, str]]:
    """Yield the administrator's and the blinded login's connection strings to a migrated database of its own."""
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as place:
        Path(place).chmod(0o755)
        folder = DataFolder(Path(place))
        folder.open()
        postgres = Postgres(folder)
        postgres.start()
        try:
            provision(postgres.dsn(), "portal", folder.secret)
            os.environ |= {
                "PORTAL_DATA": str(folder.path), "DJANGO_SETTINGS_MODULE": "studyportal.settings.test",
                "PORTAL_PROCESS": "owner",
            }  # fmt: skip
            command = [sys.executable, "manage.py", "migrate", "-v0"]
            subprocess.run(command, cwd=REPOSITORY, check=True)
            os.environ["PORTAL_PROCESS"] = "web"
            admin = postgres.dsn("portal")
            yield admin, as_login(admin, "portal_web", folder.secret("portal_web_password"))
        finally:
            postgres.stop()
            folder.close()


def twin_worlds_seconds() -> float:
    """Return how long the test of the twin worlds takes, in a run of its own.

    Raises:
        subprocess.CalledProcessError: a world differs.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="portal-test-", ignore_cleanup_errors=True) as data:
        Path(data).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if name != "PORTAL_PROCESS"}
        environment = kept | {"PORTAL_DATA": data, "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "tests/blinding/test_twin_worlds.py"]
        subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, stdout=sys.stderr)
    return round(time.perf_counter() - began, 1)


def main() -> int:
    """Race, measure, print, remove everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rollback-percent", type=int, default=5)
    parser.add_argument("--kills", type=int, default=0, help="connections to end while they work")
    parser.add_argument("--path", choices=("service", "sql"), default="service")
    parser.add_argument("--quick", action="store_true", help="without the twin worlds")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    asked = {
        "participants": options.participants, "connections": options.connections,
        "rollback_percent": options.rollback_percent, "kills": options.kills,
    }  # fmt: skip
    with own_database() as (admin, web):
        if options.path == "sql":
            print("Path: SQL alone, as portal_web: lock, alloc.allocate(), write the number.")
            result = race(admin, web, **asked)
        else:
            print("Path: sessions.services.randomization.randomize as portal_web, preconditions under lock.")
            result, said, allocations = service_race(admin, **asked)
            p50, p99 = allocating(said, allocations)
            print(f"connections lost     {said.lost}\nallocation p50       {p50} ms\nallocation p99       {p99} ms")
            print("\n".join(sorted(set(said.errors))[:5]), end="" if not said.errors else "\n")
    for name, value in asdict(result).items():
        print(f"{name.replace('_', ' '):20} {value}")
    made = lists.one_list(Method.BIG_STICK, Generator.HMAC_DRBG, 10_000)
    print(f"list of {made['rows']} rows   made in {made['generate_s']} s, verified in {made['verify_s']} s")
    if not options.quick:
        print(f"twin worlds          {twin_worlds_seconds()} s, worlds and crawl, no difference")
    if options.json:
        print(json.dumps(asdict(result)))
    return 0 if result.is_clean and made["verified"] else 1


if __name__ == "__main__":
    sys.exit(main())
