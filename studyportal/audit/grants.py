"""What each database login may do: one description, applied after every migrate, compared with a snapshot in a test.

The blinded logins have EXECUTE on `alloc.allocate()`, `alloc.reconcile()` and what asks the vault to draw, and no other
privilege in schema `alloc`; nobody but the owner can change the trail; the clear text of the trail's changes is for the
blinded doors a view without the secret.
"""

from django.db import connections, transaction

# Plumbing tables whose rows a process may remove; rows of study data are never removed.
REMOVABLE = (
    "django_session", "axes_accessattempt", "axes_accessattemptexpiration", "axes_accessfailurelog",
    "account_emailaddress", "account_emailconfirmation", "mfa_authenticator",
)  # fmt: skip

# A barrier: without it the caller's own conditions may be tried on hidden rows first, and their errors quote the row.
# An order: as the rows lie in the table, their places tell how many hidden rows lie between them.
BLINDED_TRAIL = """
CREATE OR REPLACE VIEW audit.blinded_change WITH (security_barrier) AS
    SELECT id, tbl, pk, seq, body, previous_hash, hash FROM audit.change
    WHERE tbl NOT LIKE 'alloc.%' AND tbl NOT LIKE 'pii.%' AND tbl NOT LIKE 'public.mfa%'
      AND tbl NOT IN ('public.accounts_user', 'public.accounts_apitoken', 'public.accounts_enrolment')
    ORDER BY tbl, pk, seq
"""

# Functions that run as the owner look into a caller's temporary schema last, whoever wrote them.
PINNED = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT p.oid::regprocedure AS name,
               coalesce((SELECT substr(c, 13) FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%'), 'pg_catalog')
                   AS path
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prosecdef AND n.nspname IN ('public', 'alloc', 'audit', 'jobs', 'pii')
    LOOP
        IF found.path !~ 'pg_temp$' THEN
            EXECUTE format('ALTER FUNCTION %s SET search_path = %s, pg_temp', found.name, found.path);
        END IF;
    END LOOP;
END $$
"""

EVERYBODY = "portal_web, portal_worker, portal_vault"
# What opens a door: the worker signs nobody in, and the read-only login sees nobody's keys.
SIGN_IN = "public.accounts_apitoken, public.django_session, public.mfa_authenticator, public.accounts_enrolment"
ACCOUNTS = "public.accounts_user, public.accounts_studymembership, public.account_emailaddress"
PRIVATE = f"public.accounts_user, {SIGN_IN}"

# A list goes through its states at the vault; a trigger keeps their order and what each of them wrote.
LIST_COLUMNS = ", ".join((
    "state", "method", "parameters", "generator", "slots_per_stratum", "sequences", "commits_to", "commitment_root",
    "sealed_seed", "sealed_report", "closed_reason",
    *(f"{step}_{what}" for step in ("generated", "accepted", "approved", "published", "activated", "closed")
      for what in ("by_id", "at")),
))  # fmt: skip

STATEMENTS = (
    "REVOKE ALL ON SCHEMA public, alloc, audit, jobs, pii FROM PUBLIC",
    "REVOKE ALL ON ALL TABLES IN SCHEMA public, alloc, audit, jobs, pii FROM PUBLIC",
    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public, alloc, audit, jobs, pii FROM PUBLIC",
    f"REVOKE ALL ON ALL TABLES IN SCHEMA public, alloc, audit, jobs, pii FROM {EVERYBODY}, portal_readonly",
    f"GRANT USAGE ON SCHEMA public, jobs, audit TO {EVERYBODY}",
    f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {EVERYBODY}",
    f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {EVERYBODY}",
    f"REVOKE INSERT, UPDATE ON public.django_migrations, public.django_content_type FROM {EVERYBODY}",
    "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA jobs TO portal_web, portal_worker",
    "GRANT SELECT ON ALL TABLES IN SCHEMA jobs TO portal_vault",
    f"GRANT EXECUTE ON FUNCTION audit.note(text, text, text, jsonb) TO {EVERYBODY}",
    "GRANT EXECUTE ON FUNCTION audit.was_revealed(text, timestamptz) TO portal_web",
    "GRANT SELECT ON audit.blinded_change TO portal_web, portal_vault",
    "GRANT SELECT ON audit.event TO portal_vault",
    "GRANT USAGE ON SCHEMA pii TO portal_web",
    "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA pii TO portal_web",
    "GRANT USAGE ON SCHEMA alloc TO portal_web, portal_worker, portal_vault",
    "GRANT EXECUTE ON FUNCTION alloc.allocate(uuid, uuid, text, uuid) TO portal_web",
    "GRANT EXECUTE ON FUNCTION alloc.reconcile(uuid, uuid, uuid, text, text, uuid, boolean) TO portal_web",
    "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA alloc TO portal_vault",
    "REVOKE INSERT ON alloc.allocation FROM portal_vault",
    f"GRANT UPDATE ({LIST_COLUMNS}) ON alloc.randomization_list TO portal_vault",
    "GRANT EXECUTE ON FUNCTION alloc.clear_design(uuid) TO portal_vault",
    "REVOKE INSERT, UPDATE ON public.allocation_publication FROM portal_web, portal_worker",
    "REVOKE UPDATE ON public.allocation_publication FROM portal_vault",
    "GRANT EXECUTE ON FUNCTION alloc.is_minimized(uuid), alloc.cancel_minimization(uuid) TO portal_web",
    "GRANT EXECUTE ON FUNCTION alloc.ask_minimization(uuid, uuid, jsonb, uuid, uuid) TO portal_web",
    # The blinded worker writes down a number that was drawn when nobody looks at the page.
    "GRANT EXECUTE ON FUNCTION alloc.minimization_of(uuid), alloc.undelivered() TO portal_web, portal_worker",
    "GRANT EXECUTE ON FUNCTION alloc.answer_minimization(uuid, uuid), alloc.cancel_minimization(uuid) TO portal_vault",
    "REVOKE INSERT ON alloc.minimization_request FROM portal_vault",
    "GRANT UPDATE (confirmed_by_id, confirmed_at) ON alloc.planned_unblinding TO portal_vault",
    # Asked for at the blinded door, answered at the vault: each writes its own half.
    "REVOKE UPDATE ON pii.delivery_request FROM portal_web",
    "GRANT USAGE ON SCHEMA pii TO portal_vault",
    "GRANT SELECT, UPDATE (opened_at, failed_tries) ON pii.delivery_request TO portal_vault",
    "GRANT USAGE ON SCHEMA public, jobs TO portal_readonly",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public, jobs TO portal_readonly",
    f"REVOKE ALL ON {SIGN_IN} FROM portal_worker",
    f"REVOKE INSERT, UPDATE ON {ACCOUNTS} FROM portal_worker",
    "REVOKE ALL ON public.accounts_enrolment FROM portal_web",
    # What the ward may read of the pharmacy is written by the vault, and by it once.
    "REVOKE INSERT, UPDATE ON public.allocation_dispensinglabel FROM portal_web, portal_worker",
    "REVOKE UPDATE ON public.allocation_dispensinglabel FROM portal_vault",
    f"REVOKE SELECT ON {PRIVATE} FROM portal_readonly",  # noqa: S608 - constants of this module
)

# Relations with their columns, functions, schemas, sequences, databases and roles: all that a login holds by name.
SNAPSHOT = """
WITH login AS (
    SELECT oid, rolname FROM pg_roles
    WHERE rolname IN ('portal_web', 'portal_worker', 'portal_vault', 'portal_readonly')
), place AS (
    SELECT oid, nspname, nspacl FROM pg_namespace WHERE nspname IN ('public', 'alloc', 'audit', 'jobs', 'pii')
), held AS (
    SELECT grantee, 'schema ' || nspname AS thing, privilege_type FROM place, aclexplode(nspacl)
    UNION ALL
    SELECT a.grantee, CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' ELSE 'table ' END
           || nspname || '.' || relname, a.privilege_type
    FROM pg_class c JOIN place ON place.oid = c.relnamespace, aclexplode(c.relacl) AS a
    UNION ALL
    SELECT a.grantee, 'column ' || nspname || '.' || relname || '.' || attname, a.privilege_type
    FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN place ON place.oid = c.relnamespace,
         aclexplode(t.attacl) AS a
    UNION ALL
    SELECT a.grantee, 'function ' || p.oid::regprocedure::text, a.privilege_type
    FROM pg_proc p JOIN place ON place.oid = p.pronamespace,
         aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    UNION ALL
    SELECT a.grantee, 'database', a.privilege_type
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
    WHERE d.datname = current_database()
    UNION ALL
    SELECT m.member, 'member of ' || r.rolname, 'MEMBER' FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
)
SELECT coalesce(login.rolname, 'PUBLIC'), thing, string_agg(privilege_type, ',' ORDER BY privilege_type)
FROM held LEFT JOIN login ON login.oid = held.grantee
WHERE login.rolname IS NOT NULL OR held.grantee = 0
GROUP BY 1, 2
ORDER BY 1, 2
"""


def apply(using: str = "default") -> None:
    """Bring every login's privileges to the description; harmless when they are there already."""
    with transaction.atomic(using), connections[using].cursor() as cursor:
        cursor.execute(BLINDED_TRAIL)
        cursor.execute(PINNED)
        for statement in STATEMENTS:
            cursor.execute(statement)
        for table in REMOVABLE:
            cursor.execute(f"GRANT DELETE ON public.{table} TO portal_web, portal_vault")


def snapshot(using: str = "default") -> str:
    """Return all privileges as text, one line each, for the comparison with the committed file."""
    with connections[using].cursor() as cursor:
        cursor.execute(SNAPSHOT)
        return "".join(f"{grantee} {thing} {privileges}\n" for grantee, thing, privileges in cursor.fetchall())
