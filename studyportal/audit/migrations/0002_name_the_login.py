"""The login beside each event, actors that only the owner may bear, and hostile schemas kept out of the trail."""

from django.db import migrations, models

# A temporary schema is searched first unless it is named, so a caller could lay a type or a table of its own under a
# function that runs as the owner. Named last, it is harmless.
FORWARD = """
ALTER FUNCTION audit.record() SET search_path = pg_catalog, audit, pg_temp;
ALTER FUNCTION audit.note(text, text, text, jsonb) SET search_path = pg_catalog, audit, pg_temp;
ALTER FUNCTION audit.deny() SET search_path = pg_catalog, pg_temp;

ALTER TABLE audit.event ADD COLUMN login text NOT NULL DEFAULT session_user;

-- The actor is what the portal says; the login is what the server knows. A runtime login cannot pass for a migration.
CREATE FUNCTION audit.refuse_false_actor() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF coalesce(current_setting('portal.actor', true), '') LIKE 'migration:%'
       AND session_user IN ('portal_web', 'portal_worker', 'portal_vault', 'portal_readonly') THEN
        RAISE EXCEPTION '% cannot write as a migration', session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_false_actor BEFORE INSERT ON audit.change
    FOR EACH ROW EXECUTE FUNCTION audit.refuse_false_actor();
CREATE TRIGGER refuse_false_actor BEFORE INSERT ON audit.event
    FOR EACH ROW EXECUTE FUNCTION audit.refuse_false_actor();
"""

BACKWARD = """
DROP TRIGGER refuse_false_actor ON audit.event;
DROP TRIGGER refuse_false_actor ON audit.change;
DROP FUNCTION audit.refuse_false_actor();
ALTER TABLE audit.event DROP COLUMN login;
"""


class Migration(migrations.Migration):
    """Who acted is said by the portal, through which login is known to the server; both are kept."""

    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(
            FORWARD,
            BACKWARD,
            state_operations=[
                migrations.RemoveField("Event", "data"),
                migrations.AddField("Event", "login", models.TextField(default="")),
                migrations.AddField("Event", "data", models.JSONField(default=dict)),
            ],
        )
    ]
