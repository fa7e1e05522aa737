"""One person holds blinded or unblinded roles in a study, never both: refused by the database on every path."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION public.refuse_mixed_blinding() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    -- Two simultaneous grants to one person queue here, so neither can miss the other.
    PERFORM 1 FROM public.accounts_user WHERE id = NEW.user_id FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM public.accounts_studymembership AS other
        WHERE other.user_id = NEW.user_id AND other.study_id = NEW.study_id AND other.id <> NEW.id
          AND other.is_unblinded <> (NEW.role IN ('pharmacist', 'unblinded_statistician'))
          AND (other.ended_at IS NULL OR other.is_unblinded)
    ) THEN
        RAISE EXCEPTION 'a person cannot hold a blinded and an unblinded role in one study'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'blinded_or_unblinded_never_both';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER refuse_mixed_blinding BEFORE INSERT OR UPDATE ON public.accounts_studymembership
    FOR EACH ROW EXECUTE FUNCTION public.refuse_mixed_blinding();
"""

BACKWARD = """
DROP TRIGGER refuse_mixed_blinding ON public.accounts_studymembership;
DROP FUNCTION public.refuse_mixed_blinding();
"""


class Migration(migrations.Migration):
    """Who has once been unblinded in a study stays so, even after the role has ended."""

    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
