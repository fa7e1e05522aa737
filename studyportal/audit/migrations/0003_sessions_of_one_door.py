"""A session belongs to the door that made it: the blinded login cannot read, and so not take over, a vault session."""

from django.db import migrations

# The column is filled by the server with the login that inserts; Django's own model does not know it.
FORWARD = """
ALTER TABLE public.django_session ADD COLUMN login name NOT NULL DEFAULT session_user;
ALTER TABLE public.django_session ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_door ON public.django_session USING (login = session_user) WITH CHECK (login = session_user);
"""

BACKWARD = """
DROP POLICY own_door ON public.django_session;
ALTER TABLE public.django_session DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.django_session DROP COLUMN login;
"""


class Migration(migrations.Migration):
    """Row security keyed on the login itself; no setting that injected SQL could change takes part."""

    dependencies = [("audit", "0002_name_the_login"), ("sessions", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
