"""Lists of the first version keep their life and their root when the database learns the states of today."""

import uuid

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from studyportal.audit.management.commands.migrate import Command
from tests.conftest import database_role

pytestmark = pytest.mark.django_db

OLD = """
INSERT INTO accounts_user (id, password, username, full_name, email, is_active, date_joined) VALUES
    (%(maker)s, '!', 'maker', 'Maker', '', true, now()), (%(second)s, '!', 'second', 'Second', '', true, now());
INSERT INTO studies_study (id, code, name, title, registration_number, is_synthetic, status, recruitment_target,
    recruitment_starts_on, recruitment_ends_on, participant_prefix, minimum_age_years, maximum_age_years,
    minimum_washout_days, strata_factors, item10_threshold, remission_threshold, mrs_primary_ratio, mrs_settings,
    keeps_originals)
VALUES (%(study)s, 'OLD', 'Old', '', '', true, 'recruiting', 8, '2026-01-01', '2026-12-31', 'OLD', 18, 65, 14, '[]',
    4, 10, 'Glx/tNAA', '{}', false);
INSERT INTO study_sessions_sequence (id, study_id, code) VALUES
    (gen_random_uuid(), %(study)s, 'BA'), (gen_random_uuid(), %(study)s, 'AB');
INSERT INTO alloc.randomization_list (id, study_id, state, method, parameters, commitment_root, sealed_seed,
    generated_by_id, generated_at, approved_by_id, approved_at)
VALUES
    (%(closed)s, %(study)s, 'closed', 'simple', '{}', 'first', 'x', %(maker)s, '2026-01-05', %(second)s, '2026-01-06'),
    (%(active)s, %(study)s, 'active', 'simple', '{}', 'other', 'x', %(maker)s, '2026-02-05', %(second)s, '2026-02-06'),
    (%(waits)s, %(study)s, 'generated', 'simple', '{}', 'third', 'x', %(maker)s, '2026-03-05', NULL, NULL);
INSERT INTO alloc.stratum (id, list_id, key, taken) VALUES (%(stratum)s, %(active)s, 'all', 1);
INSERT INTO alloc.list_slot (id, stratum_id, ordinal, number, sealed) VALUES
    (gen_random_uuid(), %(stratum)s, 1, 'R-1', 'x'), (gen_random_uuid(), %(stratum)s, 2, 'R-2', 'x');
"""
NOW = """
SELECT position, state, commits_to, commitment_root, slots_per_stratum, sequences, drafted_by_id = %s,
    published_at::date::text, activated_by_id = %s
FROM alloc.randomization_list ORDER BY position
"""


def migrate(to: str) -> None:
    """Migrate allocation in this test's transaction; the grants, which name today's functions, stay as they are."""
    command = Command()
    command.verbosity = 0
    executor = MigrationExecutor(connection, command.migration_progress_callback)
    executor.migrate([("allocation", to)])


def test_they_keep_state_root_and_order() -> None:
    keys = {name: uuid.uuid4() for name in ("maker", "second", "study", "closed", "active", "waits", "stratum")}
    with database_role("portal_owner"):
        migrate("0002_allocate")
        with database_role("portal_admin"), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(OLD, keys)
            cursor.execute("SET LOCAL session_replication_role = origin")
        migrate("0003_list_life")
        with connection.cursor() as cursor:
            cursor.execute(NOW, [keys["maker"], keys["second"]])
            found = cursor.fetchall()
            cursor.execute("SELECT to_regclass('alloc.one_active_list')::text")
            assert cursor.fetchall() == [(None,)]
    assert found == [
        (1, "closed", "slots", "first", 0, '["AB", "BA"]', True, "2026-01-06", True),
        (2, "active", "slots", "other", 2, '["AB", "BA"]', True, "2026-02-06", True),
        (3, "generated", "slots", "third", 0, '["AB", "BA"]', True, None, None),
    ]
