"""Schemas, the trail's tables and its trigger."""

import uuid

from django.db import migrations, models

SCHEMAS = """
CREATE SCHEMA IF NOT EXISTS alloc;
CREATE SCHEMA IF NOT EXISTS audit;
CREATE SCHEMA IF NOT EXISTS jobs;
CREATE SCHEMA IF NOT EXISTS pii;
"""

# A transaction id and a position would tell how much was written elsewhere, so the key is random and order is per object.
TRAIL = """
CREATE TABLE audit.change (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tbl text NOT NULL,
    pk text NOT NULL,
    seq integer NOT NULL,
    body text NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL,
    UNIQUE (tbl, pk, seq)
);
CREATE TABLE audit.obj_head (
    tbl text NOT NULL,
    pk text NOT NULL,
    seq integer NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (tbl, pk)
);
CREATE TABLE audit.event (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    name text NOT NULL,
    actor text NOT NULL,
    request_id text NOT NULL,
    study text NOT NULL,
    target text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'::jsonb
);

-- One function for every table. TG_ARGV[0]: the primary key's column. TG_ARGV[1]: SQL over OLD (as a json document
-- named "row") that says whether the old row was signed, or ''.
CREATE FUNCTION audit.record() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, audit SET timezone = 'UTC' AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    actor text := coalesce(current_setting('portal.actor', true), '');
    reason text := coalesce(current_setting('portal.reason', true), '');
    object text := coalesce(new_row, old_row) ->> TG_ARGV[0];
    full_name text := TG_TABLE_SCHEMA::text || '.' || TG_TABLE_NAME::text;
    was_signed boolean := false;
    head audit.obj_head%ROWTYPE;
    body text;
    new_hash text;
BEGIN
    IF actor = '' THEN
        RAISE EXCEPTION 'a write to % without an actor is refused', full_name USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF TG_OP = 'UPDATE' AND old_row = new_row THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND TG_ARGV[1] <> '' THEN
        EXECUTE 'SELECT ' || TG_ARGV[1] INTO was_signed USING old_row;
        IF coalesce(was_signed, false) AND reason = '' THEN
            RAISE EXCEPTION 'a signed row of % changes only with a reason', full_name USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    INSERT INTO audit.obj_head VALUES (full_name, object, 0, '') ON CONFLICT (tbl, pk) DO NOTHING;
    SELECT * INTO head FROM audit.obj_head WHERE tbl = full_name AND pk = object FOR UPDATE;
    body := jsonb_build_object(
        'at', clock_timestamp(), 'op', TG_OP, 'old', old_row, 'new', new_row, 'actor', actor,
        'reason_code', coalesce(current_setting('portal.reason_code', true), ''), 'reason', reason,
        'request_id', coalesce(current_setting('portal.request_id', true), ''), 'login', session_user)::text;
    new_hash := encode(sha256(convert_to(
        full_name || '|' || object || '|' || (head.seq + 1) || '|' || head.hash || '|' || body, 'UTF8')), 'hex');
    INSERT INTO audit.change (tbl, pk, seq, body, previous_hash, hash)
        VALUES (full_name, object, head.seq + 1, body, head.hash, new_hash);
    UPDATE audit.obj_head SET seq = head.seq + 1, hash = new_hash WHERE tbl = full_name AND pk = object;
    RETURN NULL;
END $$;

CREATE FUNCTION audit.note(name text, study text, target text, data jsonb) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, audit AS $$
BEGIN
    IF coalesce(current_setting('portal.actor', true), '') = '' THEN
        RAISE EXCEPTION 'an event without an actor is refused' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO audit.event (name, actor, request_id, study, target, data) VALUES (name,
        current_setting('portal.actor', true), coalesce(current_setting('portal.request_id', true), ''),
        study, target, data);
END $$;

CREATE FUNCTION audit.deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON audit.change FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_truncate BEFORE TRUNCATE ON audit.change FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON audit.event FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_truncate BEFORE TRUNCATE ON audit.event FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_delete BEFORE DELETE ON audit.obj_head FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_truncate BEFORE TRUNCATE ON audit.obj_head FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
"""


class Migration(migrations.Migration):
    """The floor under every other migration."""

    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(SCHEMAS, migrations.RunSQL.noop),
        migrations.RunSQL(
            TRAIL,
            "DROP FUNCTION audit.record() CASCADE; DROP FUNCTION audit.note(text, text, text, jsonb); "
            "DROP TABLE audit.change; DROP TABLE audit.event; DROP TABLE audit.obj_head; "
            "DROP FUNCTION audit.deny();",
            state_operations=[
                migrations.CreateModel(
                    "Change",
                    [
                        ("id", models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False, serialize=False)),
                        ("tbl", models.TextField()),
                        ("pk_text", models.TextField(db_column="pk")),
                        ("seq", models.IntegerField()),
                        ("body", models.TextField()),
                        ("previous_hash", models.TextField()),
                        ("hash", models.TextField()),
                    ],
                    options={"db_table": 'audit"."change', "managed": False},
                ),
                migrations.CreateModel(
                    "Event",
                    [
                        ("id", models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False, serialize=False)),
                        ("at", models.DateTimeField()),
                        ("name", models.TextField()),
                        ("actor", models.TextField()),
                        ("request_id", models.TextField()),
                        ("study", models.TextField()),
                        ("target", models.TextField()),
                        ("data", models.JSONField()),
                    ],
                    options={"db_table": 'audit"."event', "managed": False, "ordering": ("at",)},
                ),
            ],
        ),
    ]
