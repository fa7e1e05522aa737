"""Who has which side of the blind is asked of the present: never of a transaction's old view, nor of today's end alone.

Two ways round accounts 0002 and 0004 are closed. A transaction in "repeatable read" or "serializable" keeps its view of
the rows: it waited for the other's grant, and then did not see it, so both sides could be given at once, and a blinded
login could still write a password for an account that had just become the vault's. And a blinded role whose end lies
in the future counted as ended. PostgreSQL knows no unique constraint that could say "never both" (an exclusion
constraint needs the extension btree_gist, which the embedded server lacks), so the triggers ask, behind a lock.
"""

from django.db import migrations

MEMBERSHIP = """
CREATE OR REPLACE FUNCTION public.refuse_mixed_blinding() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    unblinds boolean := NEW.role IN ('emergency_unblinder', 'pharmacist', 'unblinded_statistician');
    account public.accounts_user%ROWTYPE;
BEGIN
    -- In a transaction that keeps an old view of the rows, what others did meanwhile would not be seen below.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'roles are given and changed in read committed transactions only'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    -- Two simultaneous grants to one person queue here, so neither can miss the other; so does a change of credentials.
    SELECT * INTO account FROM public.accounts_user WHERE id = NEW.user_id FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM public.accounts_studymembership AS other
        WHERE other.user_id = NEW.user_id AND other.id <> NEW.id AND other.is_unblinded <> unblinds
          AND (other.ended_at IS NULL OR other.ended_at > clock_timestamp() OR other.is_unblinded)
    ) THEN
        RAISE EXCEPTION 'an account cannot hold a blinded and an unblinded role'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'blinded_or_unblinded_never_both';
    END IF;
    IF session_user IN ('portal_web', 'portal_worker', 'portal_readonly')
       AND (unblinds OR (TG_OP = 'UPDATE' AND OLD.role IN ('emergency_unblinder', 'pharmacist', 'unblinded_statistician'))) THEN
        RAISE EXCEPTION '% cannot give, change or end an unblinded role', session_user
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- What the blinded door may have set before is worth nothing at the vault.
    IF unblinds AND (account.password NOT LIKE '!%'
                     OR EXISTS (SELECT 1 FROM public.mfa_authenticator WHERE user_id = NEW.user_id))
       AND NOT EXISTS (SELECT 1 FROM public.accounts_studymembership AS other
                       WHERE other.user_id = NEW.user_id AND other.is_unblinded) THEN
        RAISE EXCEPTION 'a first unblinded role needs an account without password and authenticator'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credentials_of_the_vault';
    END IF;
    RETURN NEW;
END $$;
"""

CREDENTIALS = """
CREATE OR REPLACE FUNCTION public.refuse_other_door() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    person uuid;
BEGIN
    IF session_user IN ('portal_web', 'portal_worker', 'portal_readonly')
       AND (TG_OP <> 'UPDATE' OR (old_row - 'last_login') <> (new_row - 'last_login')) THEN
        -- The question below must see the present, not what stood when an old transaction began.
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            RAISE EXCEPTION 'accounts are changed in read committed transactions only'
                USING ERRCODE = 'invalid_transaction_state';
        END IF;
        FOR person IN SELECT DISTINCT (row ->> TG_ARGV[0])::uuid FROM unnest(ARRAY[old_row, new_row]) AS row
                      WHERE row IS NOT NULL LOOP
            -- Waits for a role that is being given now; the next statement then sees it.
            PERFORM 1 FROM public.accounts_user WHERE id = person FOR KEY SHARE;
            IF EXISTS (SELECT 1 FROM public.accounts_studymembership WHERE user_id = person AND is_unblinded) THEN
                RAISE EXCEPTION '% cannot change the account of a person with an unblinded role', session_user
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
        END LOOP;
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""


class Migration(migrations.Migration):
    """One way: taking it back would open the gaps again."""

    dependencies = [("accounts", "0005_physician_on_call")]

    operations = [migrations.RunSQL(MEMBERSHIP), migrations.RunSQL(CREDENTIALS)]
