"""What each database login may do: one description, applied after every migrate, compared with a snapshot in a test.

The blinded logins have EXECUTE on `alloc.allocate()` and no other privilege in schema `alloc`; nobody but the owner
can change the trail; the clear text of the trail's changes is for the blinded doors a view without the secret.
"""

from django.db import connections

# Plumbing tables whose rows a process may remove; rows of study data are never removed.
REMOVABLE = (
    "django_session", "axes_accessattempt", "axes_accessattemptexpiration", "axes_accessfailurelog",
    "account_emailaddress", "account_emailconfirmation", "mfa_authenticator",
)  # fmt: skip

BLINDED_TRAIL = """
CREATE OR REPLACE VIEW audit.blinded_change AS
    SELECT id, tbl, pk, seq, body, previous_hash, hash FROM audit.change
    WHERE tbl NOT LIKE 'alloc.%' AND tbl NOT LIKE 'pii.%' AND tbl NOT LIKE 'public.mfa%'
      AND tbl NOT IN ('public.accounts_user', 'public.accounts_apitoken')
"""

EVERYBODY = "portal_web, portal_worker, portal_vault"
PRIVATE = "public.accounts_user, public.accounts_apitoken, public.django_session, public.mfa_authenticator"

STATEMENTS = (
    "REVOKE ALL ON SCHEMA public, alloc, audit, jobs, pii FROM PUBLIC",
    "REVOKE ALL ON ALL TABLES IN SCHEMA public, alloc, audit, jobs, pii FROM PUBLIC",
    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public, alloc, audit FROM PUBLIC",
    f"REVOKE ALL ON ALL TABLES IN SCHEMA public, alloc, audit, jobs, pii FROM {EVERYBODY}, portal_readonly",
    f"GRANT USAGE ON SCHEMA public, jobs, audit TO {EVERYBODY}",
    f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {EVERYBODY}",
    f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {EVERYBODY}",
    f"REVOKE INSERT, UPDATE ON public.django_migrations, public.django_content_type FROM {EVERYBODY}",
    "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA jobs TO portal_web, portal_worker",
    "GRANT SELECT ON ALL TABLES IN SCHEMA jobs TO portal_vault",
    f"GRANT EXECUTE ON FUNCTION audit.note(text, text, text, jsonb) TO {EVERYBODY}",
    "GRANT SELECT ON audit.blinded_change TO portal_web, portal_vault",
    "GRANT SELECT ON audit.event TO portal_vault",
    "GRANT USAGE ON SCHEMA pii TO portal_web",
    "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA pii TO portal_web",
    "GRANT USAGE ON SCHEMA alloc TO portal_web, portal_vault",
    "GRANT EXECUTE ON FUNCTION alloc.allocate(uuid, uuid, text, uuid) TO portal_web",
    "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA alloc TO portal_vault",
    "REVOKE INSERT ON alloc.allocation FROM portal_vault",
    "GRANT UPDATE (state, approved_by_id, approved_at) ON alloc.randomization_list TO portal_vault",
    "GRANT USAGE ON SCHEMA public, jobs TO portal_readonly",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public, jobs TO portal_readonly",
    f"REVOKE SELECT ON {PRIVATE} FROM portal_readonly",  # noqa: S608 - constants of this module
)

SNAPSHOT = """
SELECT grantee, table_schema || '.' || table_name, string_agg(privilege_type, ',' ORDER BY privilege_type)
FROM information_schema.role_table_grants
WHERE grantee LIKE 'portal\\_%' AND grantee NOT IN ('portal_owner', 'portal_admin')
GROUP BY 1, 2
UNION ALL
SELECT grantee, table_schema || '.' || table_name || '.' || column_name, privilege_type
FROM information_schema.role_column_grants
WHERE grantee = 'portal_vault' AND table_schema = 'alloc' AND privilege_type = 'UPDATE'
UNION ALL
SELECT grantee, routine_schema || '.' || routine_name || '()', privilege_type
FROM information_schema.role_routine_grants
WHERE grantee LIKE 'portal\\_%' AND grantee NOT IN ('portal_owner', 'portal_admin')
ORDER BY 1, 2
"""


def apply(using: str = "default") -> None:
    """Bring every login's privileges to the description; harmless when they are there already."""
    with connections[using].cursor() as cursor:
        cursor.execute(BLINDED_TRAIL)
        for statement in STATEMENTS:
            cursor.execute(statement)
        for table in REMOVABLE:
            cursor.execute(f"GRANT DELETE ON public.{table} TO portal_web, portal_vault")


def snapshot(using: str = "default") -> str:
    """Return all privileges as text, one line each, for the comparison with the committed file."""
    with connections[using].cursor() as cursor:
        cursor.execute(SNAPSHOT)
        return "".join(f"{grantee} {thing} {privileges}\n" for grantee, thing, privileges in cursor.fetchall())
