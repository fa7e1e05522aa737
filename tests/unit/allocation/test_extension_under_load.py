"""Two hundred participants on eight connections run out of one list and into the next: no gap, no inversion."""

import os
import threading
import uuid
from collections.abc import Iterator
from queue import Empty, SimpleQueue

import psycopg
import pytest

from benchmarks.randomization import ACTOR, SETUP, STRATA, as_login
from studyportal.embedded.folder import DataFolder
from tests.conftest import DATA, administrator_dsn, clone_template

PARTICIPANTS, CONNECTIONS = 200, 8
FIRST, SECOND = 20, 40
EXTENSION = """
WITH whole AS (
    INSERT INTO alloc.randomization_list (id, study_id, position, state, method, parameters, generator,
        slots_per_stratum, sequences, commits_to, commitment_root, sealed_seed, drafted_by_id, drafted_at,
        generated_by_id, generated_at, approved_by_id, approved_at, published_by_id, published_at, activated_by_id,
        activated_at, closed_reason)
    SELECT gen_random_uuid(), study_id, 2, 'active', method, parameters, generator, %(slots)s, sequences, 'slots',
        commitment_root, sealed_seed, drafted_by_id, drafted_at, generated_by_id, generated_at, approved_by_id,
        approved_at, published_by_id, published_at, activated_by_id, activated_at, ''
    FROM alloc.randomization_list RETURNING id
), head AS (
    INSERT INTO alloc.stratum (id, list_id, key, taken)
    SELECT gen_random_uuid(), whole.id, key, 0 FROM whole, unnest(%(strata)s::text[]) AS key RETURNING id, key
)
INSERT INTO alloc.list_slot (id, stratum_id, ordinal, number, sealed)
SELECT gen_random_uuid(), head.id, n, 'S-' || substr(md5(head.key || n), 1, 10), 'x'
FROM head, generate_series(1, %(slots)s) AS n
"""
OUTCOME = """
SELECT h.key, l.position, s.ordinal, s.number, a.participant_id
FROM alloc.allocation a JOIN alloc.list_slot s ON s.id = a.slot_id JOIN alloc.stratum h ON h.id = s.stratum_id
JOIN alloc.randomization_list l ON l.id = h.list_id ORDER BY a.allocated_at
"""


@pytest.fixture
def logins() -> Iterator[tuple[str, str]]:
    name = f"portal_extension_{os.getpid()}"
    clone_template(name)
    admin = administrator_dsn(name)
    with psycopg.connect(admin) as connection:
        connection.execute(ACTOR)
        connection.execute("SET LOCAL session_replication_role = replica")
        given = {"participants": PARTICIPANTS, "strata": list(STRATA), "slots": FIRST, "password": "!"}
        connection.execute(SETUP, given)
        connection.execute(EXTENSION, {"strata": list(STRATA), "slots": SECOND})
    yield admin, as_login(admin, "portal_web", DataFolder(DATA).secret("portal_web_password"))
    with psycopg.connect(administrator_dsn(), autocommit=True) as cleaning:
        cleaning.execute(f"DROP DATABASE IF EXISTS {name}")


def test_strata_run_into_the_next_list_in_order(logins) -> None:
    admin, web = logins
    with psycopg.connect(admin) as connection:
        people = connection.execute("SELECT id, study_id FROM participants_participant ORDER BY number").fetchall()
    work: SimpleQueue[tuple[int, bool]] = SimpleQueue()
    for place in range(2 * PARTICIPANTS):
        work.put((place // 2, place % 10 == 3))
    failures: list[str] = []

    def one() -> None:
        with psycopg.connect(web) as connection:
            while True:
                try:
                    at, is_taken_back = work.get_nowait()
                except Empty:
                    return
                person, study = people[at]
                try:
                    for ending in ("rollback", "commit") if is_taken_back else ("commit",):
                        connection.execute(ACTOR)
                        answer = connection.execute(
                            "SELECT alloc.allocate(%s, %s, %s, %s)",
                            [person, study, STRATA[at % len(STRATA)], uuid.uuid4()],
                        ).fetchone()  # fmt: skip
                        getattr(connection, ending)()
                        if answer is None or answer[0] is None:
                            failures.append(f"no number for {at}")
                except psycopg.Error as error:
                    failures.append(str(error))
                    connection.rollback()

    threads = [threading.Thread(target=one) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with psycopg.connect(admin) as connection:
        found = connection.execute(OUTCOME).fetchall()
        heads = connection.execute(
            "SELECT l.position, h.taken FROM alloc.stratum h JOIN alloc.randomization_list l ON l.id = h.list_id"
        ).fetchall()
    assert len(found) == len({number for _, _, _, number, _ in found}) == len({row[4] for row in found}) == PARTICIPANTS
    for stratum in STRATA:
        taken = [(position, ordinal) for key, position, ordinal, _, _ in found if key == stratum]
        in_order = [(1, n) for n in range(1, FIRST + 1)]
        in_order += [(2, n) for n in range(1, PARTICIPANTS // len(STRATA) - FIRST + 1)]
        assert taken == in_order
    assert sorted(heads) == [(1, FIRST)] * 4 + [(2, PARTICIPANTS // 4 - FIRST)] * 4
