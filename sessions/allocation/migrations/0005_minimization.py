"""Requests of minimization, which the vault answers, and replacements; all that the blinded side may do with them."""

import django.db.models.deletion
import studyportal.clock
import uuid
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION alloc.is_minimized(the_study uuid)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, alloc, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM alloc.randomization_list l
        WHERE l.study_id = the_study AND l.state = 'active' AND l.method = 'minimization'
    )
$$;

-- The number where there is one, an empty text while the vault has yet to draw, NULL when nothing can be asked.
CREATE FUNCTION alloc.ask_minimization(
    the_participant uuid, the_study uuid, the_levels jsonb, the_request uuid, the_person uuid)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, alloc, pg_temp AS $$
DECLARE
    existing text;
BEGIN
    SELECT s.number INTO existing FROM alloc.allocation a JOIN alloc.list_slot s ON s.id = a.slot_id
        WHERE a.participant_id = the_participant;
    IF FOUND THEN
        RETURN existing;
    END IF;
    PERFORM 1 FROM public.participants_participant p JOIN public.studies_study t ON t.id = p.study_id
        WHERE p.id = the_participant AND p.study_id = the_study AND p.status = 'screening'
          AND jsonb_typeof(the_levels) = 'object'
          AND (SELECT count(*) FROM jsonb_object_keys(the_levels)) = jsonb_array_length(t.strata_factors)
          AND NOT EXISTS (
              SELECT FROM jsonb_array_elements_text(t.strata_factors) AS factor
              WHERE coalesce(length(the_levels ->> factor), 0) NOT BETWEEN 1 AND 60
          );
    IF NOT FOUND OR NOT alloc.is_minimized(the_study) THEN
        RETURN NULL;
    END IF;
    INSERT INTO alloc.minimization_request
            (id, study_id, participant_id, levels, request_id, state, asked_by_id, asked_at)
        VALUES (gen_random_uuid(), the_study, the_participant, the_levels, the_request, 'waiting', the_person,
                clock_timestamp())
        ON CONFLICT (participant_id) WHERE NOT state = 'cancelled' DO NOTHING;
    NOTIFY minimization;
    RETURN '';
END $$;

CREATE FUNCTION alloc.minimization_of(the_participant uuid)
RETURNS TABLE (number text, asked_by uuid, asked_at timestamptz, levels jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, alloc, pg_temp AS $$
    SELECT coalesce(s.number, ''), r.asked_by_id, r.asked_at, r.levels FROM alloc.minimization_request r
    LEFT JOIN alloc.allocation a ON a.participant_id = r.participant_id LEFT JOIN alloc.list_slot s ON s.id = a.slot_id
    WHERE r.participant_id = the_participant AND r.state <> 'cancelled'
$$;

-- Whose number was drawn and does not stand at the participant yet.
CREATE FUNCTION alloc.undelivered()
RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, alloc, pg_temp AS $$
    SELECT p.id FROM alloc.minimization_request r JOIN public.participants_participant p ON p.id = r.participant_id
    WHERE r.state = 'answered' AND p.randomization_number = '' ORDER BY p.id
$$;

CREATE FUNCTION alloc.cancel_minimization(the_participant uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, alloc, pg_temp AS $$
BEGIN
    UPDATE alloc.minimization_request SET state = 'cancelled', settled_at = clock_timestamp()
        WHERE participant_id = the_participant AND state = 'waiting';
    RETURN FOUND;
END $$;

-- The vault's half: a slot that it has drawn and sealed becomes the allocation, once and in order.
CREATE FUNCTION alloc.answer_minimization(the_request uuid, the_slot uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, alloc, pg_temp AS $$
DECLARE
    asked alloc.minimization_request%ROWTYPE;
    head alloc.stratum%ROWTYPE;
    stratum text;
BEGIN
    SELECT * INTO asked FROM alloc.minimization_request WHERE id = the_request AND state = 'waiting' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT h.* INTO head FROM alloc.stratum h JOIN alloc.list_slot s ON s.stratum_id = h.id
        JOIN alloc.randomization_list l ON l.id = h.list_id
        WHERE s.id = the_slot AND l.study_id = asked.study_id AND (
            (l.state = 'active' AND l.method = 'minimization' AND s.ordinal = h.taken + 1)
            OR EXISTS (
                SELECT FROM alloc.replacement r
                WHERE r.slot_id = s.id AND r.participant_id = asked.participant_id AND r.is_mirrored
            ))
        FOR UPDATE OF h;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT coalesce(string_agg(asked.levels ->> factor, '|' ORDER BY place), 'all') INTO stratum
        FROM public.studies_study t, jsonb_array_elements_text(t.strata_factors) WITH ORDINALITY AS f (factor, place)
        WHERE t.id = asked.study_id;
    UPDATE alloc.stratum SET taken = head.taken + 1 WHERE id = head.id;
    INSERT INTO alloc.allocation (id, participant_id, slot_id, stratum_key, request_id, allocated_at)
        VALUES (gen_random_uuid(), asked.participant_id, the_slot, left(stratum, 60), asked.request_id,
                clock_timestamp());
    UPDATE alloc.minimization_request SET state = 'answered', settled_at = clock_timestamp() WHERE id = asked.id;
    RETURN true;
END $$;

CREATE FUNCTION alloc.keep_request() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'waiting'
       OR to_jsonb(OLD) - '{state,settled_at}'::text[] <> to_jsonb(NEW) - '{state,settled_at}'::text[] THEN
        RAISE EXCEPTION 'a request of minimization is settled once and never changed'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_request BEFORE UPDATE OR DELETE ON alloc.minimization_request
    FOR EACH ROW EXECUTE FUNCTION alloc.keep_request();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.replacement
    FOR EACH ROW EXECUTE FUNCTION audit.deny();

-- Whoever replaces somebody, by either way, is tried on the list first and taken back: so neither what can be had nor
-- what the tables count depends on the way.
ALTER FUNCTION alloc.allocate(uuid, uuid, text, uuid) RENAME TO allocate_next;
REVOKE ALL ON FUNCTION alloc.allocate_next(uuid, uuid, text, uuid) FROM PUBLIC, portal_web;

CREATE FUNCTION alloc.allocate(the_participant uuid, the_study uuid, the_stratum text, the_request uuid)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, alloc, pg_temp AS $$
DECLARE
    existing text;
    given text;
    arranged alloc.replacement%ROWTYPE;
BEGIN
    SELECT * INTO arranged FROM alloc.replacement WHERE participant_id = the_participant;
    IF NOT FOUND THEN
        RETURN alloc.allocate_next(the_participant, the_study, the_stratum, the_request);
    END IF;
    -- One at a time: a second request for the same participant waits here and then finds the number.
    PERFORM 1 FROM public.participants_participant WHERE id = the_participant FOR NO KEY UPDATE;
    SELECT s.number INTO existing FROM alloc.allocation a JOIN alloc.list_slot s ON s.id = a.slot_id
        WHERE a.participant_id = the_participant;
    IF FOUND THEN
        RETURN existing;
    END IF;
    BEGIN
        given := alloc.allocate_next(the_participant, the_study, the_stratum, the_request);
        RAISE EXCEPTION 'tried' USING ERRCODE = 'PT001';
    EXCEPTION WHEN SQLSTATE 'PT001' THEN
        NULL;
    END;
    IF given IS NULL THEN
        RETURN NULL;
    END IF;
    IF NOT arranged.is_mirrored THEN
        RETURN alloc.allocate_next(the_participant, the_study, the_stratum, the_request);
    END IF;
    SELECT number INTO given FROM alloc.list_slot WHERE id = arranged.slot_id;
    UPDATE alloc.stratum SET taken = taken + 1
        WHERE id = (SELECT stratum_id FROM alloc.list_slot WHERE id = arranged.slot_id);
    INSERT INTO alloc.allocation (id, participant_id, slot_id, stratum_key, request_id, allocated_at)
        VALUES (gen_random_uuid(), the_participant, arranged.slot_id, the_stratum, the_request, clock_timestamp());
    RETURN given;
END $$;
"""

BACKWARD = """
DROP FUNCTION alloc.allocate(uuid, uuid, text, uuid);
ALTER FUNCTION alloc.allocate_next(uuid, uuid, text, uuid) RENAME TO allocate;
DROP TRIGGER deny_change ON alloc.replacement;
DROP TRIGGER keep_request ON alloc.minimization_request;
DROP FUNCTION alloc.keep_request();
DROP FUNCTION alloc.answer_minimization(uuid, uuid);
DROP FUNCTION alloc.cancel_minimization(uuid);
DROP FUNCTION alloc.undelivered();
DROP FUNCTION alloc.minimization_of(uuid);
DROP FUNCTION alloc.ask_minimization(uuid, uuid, jsonb, uuid, uuid);
DROP FUNCTION alloc.is_minimized(uuid);
"""


class Migration(migrations.Migration):
    """The blinded side asks, looks and cancels; only the vault answers."""

    dependencies = [
        ('allocation', '0004_publication'),
        ('participants', '0002_leaving'),
        ('studies', '0002_keep_originals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Replacement',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('is_mirrored', models.BooleanField()),
                ('reason', models.CharField(max_length=240)),
                ('arranged_at', models.DateTimeField(default=studyportal.clock.now)),
                ('arranged_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('participant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='participants.participant')),
                ('replaced', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='participants.participant')),
                ('slot', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='replacement', to='allocation.listslot')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.study')),
            ],
            options={
                'db_table': 'alloc"."replacement',
                'ordering': ('-arranged_at',),
            },
        ),
        migrations.CreateModel(
            name='MinimizationRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('levels', models.JSONField()),
                ('request_id', models.UUIDField(unique=True)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('answered', 'Answered'), ('cancelled', 'Cancelled')], default='waiting', max_length=10)),
                ('asked_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(null=True)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='participants.participant')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.study')),
            ],
            options={
                'db_table': 'alloc"."minimization_request',
                'ordering': ('asked_at', 'id'),
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'cancelled'), _negated=True), fields=('participant',), name='one_open_request_a_participant')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
