"""The stratum that a number was drawn in stands with the number, and none of it changes once it is there."""

from django.db import migrations, models

FORWARD = """
CREATE FUNCTION public.keep_randomization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a randomization is never changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER keep_randomization BEFORE UPDATE ON public.participants_participant FOR EACH ROW
    WHEN (OLD.randomization_number <> '' AND (
        NEW.randomization_number IS DISTINCT FROM OLD.randomization_number
        OR NEW.randomized_at IS DISTINCT FROM OLD.randomized_at
        OR NEW.randomized_by_id IS DISTINCT FROM OLD.randomized_by_id
        OR NEW.randomized_stratum IS DISTINCT FROM OLD.randomized_stratum))
    EXECUTE FUNCTION public.keep_randomization();
"""

BACKWARD = """
DROP TRIGGER keep_randomization ON public.participants_participant;
DROP FUNCTION public.keep_randomization();
"""


class Migration(migrations.Migration):
    """Participants randomized by an earlier version keep an empty stratum: it is that of their factors."""

    dependencies = [("participants", "0002_leaving")]

    operations = [
        migrations.AddField(
            model_name="participant",
            name="randomized_stratum",
            field=models.CharField(blank=True, db_default="", max_length=60),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
