"""Credentials belong to one door: the blinded logins can neither give an unblinded role nor touch its holder's keys."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import studyportal.clock

# Everywhere below the login itself decides, never a setting that injected SQL could change.
MEMBERSHIP = """
CREATE OR REPLACE FUNCTION public.refuse_mixed_blinding() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    unblinds boolean := NEW.role IN ('pharmacist', 'unblinded_statistician');
    account public.accounts_user%ROWTYPE;
BEGIN
    -- Two simultaneous grants to one person queue here, so neither can miss the other; so does a change of credentials.
    SELECT * INTO account FROM public.accounts_user WHERE id = NEW.user_id FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM public.accounts_studymembership AS other
        WHERE other.user_id = NEW.user_id AND other.id <> NEW.id AND other.is_unblinded <> unblinds
          AND (other.ended_at IS NULL OR other.is_unblinded)
    ) THEN
        RAISE EXCEPTION 'an account cannot hold a blinded and an unblinded role'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'blinded_or_unblinded_never_both';
    END IF;
    IF session_user IN ('portal_web', 'portal_worker', 'portal_readonly')
       AND (unblinds OR (TG_OP = 'UPDATE' AND OLD.role IN ('pharmacist', 'unblinded_statistician'))) THEN
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

# TG_ARGV[0]: the column that names the person.
CREDENTIALS = """
CREATE FUNCTION public.refuse_other_door() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    person uuid;
BEGIN
    IF session_user IN ('portal_web', 'portal_worker', 'portal_readonly')
       AND (TG_OP <> 'UPDATE' OR (old_row - 'last_login') <> (new_row - 'last_login')) THEN
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

CREATE TRIGGER refuse_other_door BEFORE UPDATE OR DELETE ON public.accounts_user
    FOR EACH ROW EXECUTE FUNCTION public.refuse_other_door('id');
CREATE TRIGGER refuse_other_door BEFORE INSERT OR UPDATE OR DELETE ON public.mfa_authenticator
    FOR EACH ROW EXECUTE FUNCTION public.refuse_other_door('user_id');
CREATE TRIGGER refuse_other_door BEFORE INSERT OR UPDATE OR DELETE ON public.account_emailaddress
    FOR EACH ROW EXECUTE FUNCTION public.refuse_other_door('user_id');

ALTER TABLE public.mfa_authenticator ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_door ON public.mfa_authenticator USING (
    session_user = 'portal_vault' OR NOT EXISTS (
        SELECT 1 FROM public.accounts_studymembership AS held
        WHERE held.user_id = mfa_authenticator.user_id AND held.is_unblinded)
) WITH CHECK (true);
"""

# Each door counts its own wrong passwords: the blinded login cannot take the vault's pauses back.
ATTEMPTS = """
DO $$
DECLARE
    found name;
BEGIN
    FOR found IN SELECT conname FROM pg_constraint
                 WHERE conrelid = 'public.axes_accessattempt'::regclass AND contype = 'u' LOOP
        EXECUTE format('ALTER TABLE public.axes_accessattempt DROP CONSTRAINT %I', found);
    END LOOP;
END $$;
ALTER TABLE public.axes_accessattempt ADD COLUMN login name NOT NULL DEFAULT session_user;
ALTER TABLE public.axes_accessattempt
    ADD CONSTRAINT axes_accessattempt_of_a_door UNIQUE (username, ip_address, user_agent, login);
ALTER TABLE public.axes_accessattempt ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_door ON public.axes_accessattempt USING (login = session_user) WITH CHECK (login = session_user);
"""


class Migration(migrations.Migration):
    """One way: taking it back would open the vault's accounts to the blinded door."""

    dependencies = [
        ("accounts", "0003_tokens_of_one_door"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("axes", "0010_accessattemptexpiration"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [
        migrations.CreateModel(
            name="Enrolment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField(default=studyportal.clock.now)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="enrolments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ("-made_at",)},
        ),
        migrations.RunSQL(MEMBERSHIP),
        migrations.RunSQL(CREDENTIALS),
        migrations.RunSQL(ATTEMPTS),
    ]
