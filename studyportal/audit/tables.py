"""Which tables the trail watches: all but a short list, attached after each migrate and checked."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import connections

from studyportal.audit import grants

# Tables that hold no study data: sign-in plumbing and Django's own bookkeeping.
EXCLUDED = frozenset({
    "public.django_migrations",
    "public.django_content_type",
    "public.django_session",
    "public.auth_permission",
    "public.auth_group",
    "public.auth_group_permissions",
    "public.axes_accessattempt",
    "public.axes_accessattemptexpiration",
    "public.axes_accessfailurelog",
    "public.axes_accesslog",
    "audit.change",
    "audit.event",
    "audit.obj_head",
})  # fmt: skip

# When a row counts as signed, as SQL over the old row ($1, jsonb): from then on a change needs a reason.
SIGNED = {
    "public.ratings_rating": "$1 ->> 'signed_at' IS NOT NULL",
    "public.ratings_itemscore": (
        "EXISTS (SELECT 1 FROM public.ratings_rating AS r"
        " WHERE r.id = ($1 ->> 'rating_id')::uuid AND r.signed_at IS NOT NULL)"
    ),
    "public.participants_eligibilityassessment": "$1 ->> 'signed_at' IS NOT NULL",
    "public.participants_consent": "true",
    "public.accounts_signature": "true",
}

TABLES = """
SELECT n.nspname || '.' || c.relname, a.attname,
       EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'audit_record')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relkind = 'r' AND n.nspname IN ('public', 'alloc', 'jobs', 'pii', 'audit')
ORDER BY 1
"""


def attach(using: str = "default") -> list[str]:
    """Attach the trigger to every table that lacks it; return the names of those tables."""
    attached = []
    with connections[using].cursor() as cursor:
        cursor.execute(TABLES)
        for name, key, has_trigger in cursor.fetchall():
            if has_trigger or name in EXCLUDED:
                continue
            schema, table = name.split(".")
            signed = SIGNED.get(name, "").replace("'", "''")
            cursor.execute(
                f'CREATE TRIGGER audit_record AFTER INSERT OR UPDATE OR DELETE ON "{schema}"."{table}"'
                f" FOR EACH ROW EXECUTE FUNCTION audit.record('{key}', '{signed}');"
                f' CREATE TRIGGER audit_deny_truncate BEFORE TRUNCATE ON "{schema}"."{table}"'
                " FOR EACH STATEMENT EXECUTE FUNCTION audit.deny()"
            )
            attached.append(name)
    return attached


def attach_after_migrate(using: str, **_: Any) -> None:
    """Run once after migrate: new tables get the trigger, then every login gets its privileges."""
    attach(using)
    grants.apply(using)


def unwatched(using: str = "default") -> list[str]:
    """Return the tables that the trail does not watch and that are not excluded."""
    with connections[using].cursor() as cursor:
        cursor.execute(TABLES)
        return [name for name, _, has_trigger in cursor.fetchall() if not has_trigger and name not in EXCLUDED]


def check_every_table(
    app_configs: Iterable[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Fail `check --database default` for every table without the trigger."""
    return [
        Error(
            f"{name} is not watched by the audit trail.", hint="Run migrate; it attaches the trigger.", id="audit.E001"
        )
        for using in databases or ()
        for name in unwatched(using)
    ]
