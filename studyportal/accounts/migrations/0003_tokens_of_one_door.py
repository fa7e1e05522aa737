"""A token belongs to the door that made it: the blinded login can neither see nor make a key of the unblinded API."""

from django.db import migrations

FORWARD = """
ALTER TABLE public.accounts_apitoken ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_door ON public.accounts_apitoken
    USING (session_user = 'portal_' || door) WITH CHECK (session_user = 'portal_' || door);
"""

BACKWARD = """
DROP POLICY own_door ON public.accounts_apitoken;
ALTER TABLE public.accounts_apitoken DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    """Row security keyed on the login itself; no setting that injected SQL could change takes part."""

    dependencies = [("accounts", "0002_refuse_mixed_blinding")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
