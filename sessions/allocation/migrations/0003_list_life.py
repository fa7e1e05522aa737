"""The life of a list: its states in order, who brought it there and when, and lists that extend earlier ones.

The database itself keeps the order: no state is skipped, none is gone back to, and what was committed never changes.
"""

import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import studyportal.clock

# A list of the first version was approved, published and opened in one act: the approval said that its root was filed.
EARLIER = """
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE alloc.randomization_list l SET
    drafted_by_id = l.generated_by_id, drafted_at = l.generated_at, commits_to = 'slots',
    published_by_id = l.approved_by_id, published_at = l.approved_at,
    activated_by_id = l.approved_by_id, activated_at = l.approved_at,
    sequences = coalesce((SELECT jsonb_agg(q.code ORDER BY q.code) FROM public.study_sessions_sequence q
                          WHERE q.study_id = l.study_id), '[]'),
    slots_per_stratum = coalesce((SELECT max(s.ordinal) FROM alloc.list_slot s JOIN alloc.stratum h
                                  ON h.id = s.stratum_id WHERE h.list_id = l.id), 0),
    position = (SELECT count(*) FROM alloc.randomization_list e
                WHERE e.study_id = l.study_id AND (e.generated_at, e.id) <= (l.generated_at, l.id));
SET CONSTRAINTS ALL DEFERRED;
"""

GUARDS = """
CREATE FUNCTION alloc.keep_list() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, alloc AS $$
DECLARE
    steps CONSTANT text[] := ARRAY['draft', 'generated', 'accepted', 'approved', 'published', 'active'];
    has_moved boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- What holds the slots outside every list (`replacement.py`) is closed from the first moment.
        IF NEW.method = 'replacement' AND NEW.state = 'closed' AND NEW.position = 0 THEN
            RETURN NEW;
        END IF;
        IF NEW.state <> 'draft' OR NEW.commits_to = 'slots' OR NEW.sealed_seed IS NOT NULL OR NEW.commitment_root <> ''
           OR num_nonnulls(NEW.generated_by_id, NEW.accepted_by_id, NEW.approved_by_id, NEW.published_by_id,
                           NEW.activated_by_id, NEW.closed_by_id, NEW.sealed_report) > 0 THEN
            RAISE EXCEPTION 'a list begins as a draft' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    has_moved := NEW.state <> OLD.state;
    IF OLD.state = 'closed' THEN
        RAISE EXCEPTION 'a closed list does not change' USING ERRCODE = 'check_violation';
    END IF;
    IF has_moved AND NEW.state <> 'closed'
       AND array_position(steps, NEW.state::text) IS DISTINCT FROM array_position(steps, OLD.state::text) + 1 THEN
        RAISE EXCEPTION 'a list goes from % to the next state only', OLD.state USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.id, NEW.study_id, NEW.position, NEW.drafted_by_id, NEW.drafted_at)
       IS DISTINCT FROM (OLD.id, OLD.study_id, OLD.position, OLD.drafted_by_id, OLD.drafted_at)
       OR (OLD.state <> 'draft'
           AND (NEW.method, NEW.parameters, NEW.generator, NEW.slots_per_stratum, NEW.sequences, NEW.commits_to)
               IS DISTINCT FROM
               (OLD.method, OLD.parameters, OLD.generator, OLD.slots_per_stratum, OLD.sequences, OLD.commits_to))
       OR (NEW.commits_to = 'slots' AND OLD.commits_to <> 'slots')
       OR (NOT (has_moved AND NEW.state = 'generated')
           AND (NEW.generated_by_id, NEW.generated_at, NEW.sealed_seed, NEW.commitment_root)
               IS DISTINCT FROM (OLD.generated_by_id, OLD.generated_at, OLD.sealed_seed, OLD.commitment_root))
       OR (NOT (has_moved AND NEW.state = 'accepted')
           AND (NEW.accepted_by_id, NEW.accepted_at, NEW.sealed_report)
               IS DISTINCT FROM (OLD.accepted_by_id, OLD.accepted_at, OLD.sealed_report))
       OR (NOT (has_moved AND NEW.state = 'approved')
           AND (NEW.approved_by_id, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by_id, OLD.approved_at))
       OR (NOT (has_moved AND NEW.state = 'published')
           AND (NEW.published_by_id, NEW.published_at) IS DISTINCT FROM (OLD.published_by_id, OLD.published_at))
       OR (NOT (has_moved AND NEW.state = 'active')
           AND (NEW.activated_by_id, NEW.activated_at) IS DISTINCT FROM (OLD.activated_by_id, OLD.activated_at))
       OR (NOT (has_moved AND NEW.state = 'closed')
           AND (NEW.closed_by_id, NEW.closed_at, NEW.closed_reason)
               IS DISTINCT FROM (OLD.closed_by_id, OLD.closed_at, OLD.closed_reason)) THEN
        RAISE EXCEPTION 'what a state of a list holds is written with that state and never changes'
            USING ERRCODE = 'check_violation';
    END IF;
    -- In order: the numbers of a list keep clear of those of every earlier one, and an earlier one is used up first.
    IF has_moved AND NEW.state = 'generated' AND EXISTS (
        SELECT FROM alloc.randomization_list e WHERE e.study_id = NEW.study_id AND e.position < NEW.position
        AND (e.state = 'draft' OR (e.method = 'minimization' AND e.state <> 'closed'))
    ) THEN
        RAISE EXCEPTION 'an earlier list of the study comes first' USING ERRCODE = 'check_violation';
    END IF;
    IF has_moved AND NEW.state = 'active' AND EXISTS (
        SELECT FROM alloc.randomization_list e WHERE e.study_id = NEW.study_id AND e.position < NEW.position
        AND e.state NOT IN ('active', 'closed')
    ) THEN
        RAISE EXCEPTION 'an earlier list of the study comes first' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- A list's places are made while it is a draft, in the transaction that generates it. Minimization makes each place
-- when a participant comes, so its active list grows.
CREATE FUNCTION alloc.keep_stratum() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, alloc AS $$
DECLARE
    whole alloc.randomization_list%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.list_id, NEW.key) IS DISTINCT FROM (OLD.id, OLD.list_id, OLD.key)
           OR NEW.taken <> OLD.taken + 1 THEN
            RAISE EXCEPTION 'the head of a stratum only moves to its next place' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO whole FROM alloc.randomization_list l WHERE l.id = NEW.list_id;
    IF NEW.taken <> 0
       OR NOT (whole.state = 'draft' OR (whole.state = 'active' AND whole.method = 'minimization')
            OR whole.method = 'replacement') THEN
        RAISE EXCEPTION 'a generated list gets no further stratum' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION alloc.keep_slot() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, alloc AS $$
DECLARE
    whole alloc.randomization_list%ROWTYPE;
BEGIN
    SELECT l.* INTO whole FROM alloc.stratum h JOIN alloc.randomization_list l ON l.id = h.list_id
        WHERE h.id = NEW.stratum_id;
    IF NOT (whole.state = 'draft' OR (whole.state = 'active' AND whole.method = 'minimization')
            OR whole.method = 'replacement') THEN
        RAISE EXCEPTION 'a generated list gets no further place' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM alloc.list_slot s JOIN alloc.stratum h ON h.id = s.stratum_id
        JOIN alloc.randomization_list l ON l.id = h.list_id
        WHERE s.number = NEW.number AND l.study_id = whole.study_id
    ) THEN
        RAISE EXCEPTION 'a randomization number stands once in a study' USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep_list BEFORE INSERT OR UPDATE ON alloc.randomization_list
    FOR EACH ROW EXECUTE FUNCTION alloc.keep_list();
CREATE TRIGGER keep_stratum BEFORE INSERT OR UPDATE ON alloc.stratum
    FOR EACH ROW EXECUTE FUNCTION alloc.keep_stratum();
CREATE TRIGGER keep_slot BEFORE INSERT ON alloc.list_slot FOR EACH ROW EXECUTE FUNCTION alloc.keep_slot();
CREATE TRIGGER deny_truncate BEFORE TRUNCATE ON alloc.randomization_list
    FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_truncate BEFORE TRUNCATE ON alloc.stratum FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_truncate BEFORE TRUNCATE ON alloc.list_slot FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_truncate BEFORE TRUNCATE ON alloc.allocation FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
"""

UNGUARDED = """
DROP TRIGGER deny_truncate ON alloc.allocation;
DROP TRIGGER deny_truncate ON alloc.list_slot;
DROP TRIGGER deny_truncate ON alloc.stratum;
DROP TRIGGER deny_truncate ON alloc.randomization_list;
DROP TRIGGER keep_slot ON alloc.list_slot;
DROP TRIGGER keep_stratum ON alloc.stratum;
DROP TRIGGER keep_list ON alloc.randomization_list;
DROP FUNCTION alloc.keep_slot();
DROP FUNCTION alloc.keep_stratum();
DROP FUNCTION alloc.keep_list();
"""

ALLOCATE = """
CREATE OR REPLACE FUNCTION alloc.allocate(the_participant uuid, the_study uuid, the_stratum text, the_request uuid)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, alloc, pg_temp AS $$
DECLARE
    existing text;
    slot alloc.list_slot%ROWTYPE;
BEGIN
    SELECT s.number INTO existing FROM alloc.allocation a JOIN alloc.list_slot s ON s.id = a.slot_id
        WHERE a.participant_id = the_participant;
    IF FOUND THEN
        RETURN existing;
    END IF;
    -- The stratum's head rows, of the first list and of those that extend it, are the queue: one taker at a time, in
    -- order. SKIP LOCKED would hand slots out of order. The share of the list's row lets nobody close it in between.
    PERFORM 1 FROM alloc.stratum h JOIN alloc.randomization_list l ON l.id = h.list_id
        WHERE l.study_id = the_study AND l.state = 'active' AND l.published_at IS NOT NULL AND h.key = the_stratum
        ORDER BY l.position FOR UPDATE OF h FOR SHARE OF l;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT s.number INTO existing FROM alloc.allocation a JOIN alloc.list_slot s ON s.id = a.slot_id
        WHERE a.participant_id = the_participant;
    IF FOUND THEN
        RETURN existing;
    END IF;
    PERFORM 1 FROM public.participants_participant p
        WHERE p.id = the_participant AND p.study_id = the_study AND p.status = 'screening';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT s.* INTO slot FROM alloc.list_slot s JOIN alloc.stratum h ON h.id = s.stratum_id
        JOIN alloc.randomization_list l ON l.id = h.list_id
        WHERE l.study_id = the_study AND l.state = 'active' AND l.published_at IS NOT NULL AND h.key = the_stratum
        AND s.ordinal = h.taken + 1
        ORDER BY l.position LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE alloc.stratum SET taken = slot.ordinal WHERE id = slot.stratum_id;
    INSERT INTO alloc.allocation (id, participant_id, slot_id, stratum_key, request_id, allocated_at)
        VALUES (gen_random_uuid(), the_participant, slot.id, the_stratum, the_request, clock_timestamp());
    RETURN slot.number;
END $$;
"""

FIRST_ALLOCATE = (
    importlib.import_module("sessions.allocation.migrations.0002_allocate")
    .FORWARD.partition("CREATE TRIGGER")[0]
    .replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
)

# A design is rows, and no login may remove rows of a study. This removes those of one that nothing rests on yet.
CLEAR_DESIGN = """
CREATE FUNCTION alloc.clear_design(the_study uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, alloc, pg_temp AS $$
BEGIN
    PERFORM 1 FROM public.studies_study s WHERE s.id = the_study AND s.status = 'setup' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM public.participants_participant p
               WHERE p.study_id = the_study AND p.randomized_at IS NOT NULL)
       OR EXISTS (SELECT FROM alloc.randomization_list l WHERE l.study_id = the_study AND l.generated_at IS NOT NULL)
    THEN
        RETURN false;
    END IF;
    DELETE FROM public.study_sessions_sequenceperiod r USING public.study_sessions_sequence q
        WHERE r.sequence_id = q.id AND q.study_id = the_study;
    DELETE FROM public.study_sessions_sequence q WHERE q.study_id = the_study;
    DELETE FROM public.study_sessions_treatment t WHERE t.study_id = the_study;
    DELETE FROM public.study_sessions_period p WHERE p.study_id = the_study;
    RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    """Fields, the lists that exist, constraints, guards, and allocation from one list after the other."""

    dependencies = [
        ("allocation", "0002_allocate"),
        ("participants", "0001_initial"),
        ("studies", "0002_keep_originals"),
        ("study_sessions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='randomizationlist',
            options={'ordering': ('study', 'position')},
        ),
        migrations.RemoveConstraint(
            model_name='randomizationlist',
            name='one_active_list',
        ),
        migrations.RemoveConstraint(
            model_name='randomizationlist',
            name='list_approved_by_a_second_person',
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='accepted_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='accepted_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='activated_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='activated_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='closed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='closed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='closed_reason',
            field=models.CharField(blank=True, max_length=240),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='commits_to',
            field=models.CharField(choices=[('bound', 'Study, list, how it was made, and every slot'), ('slots', 'Every slot')], default='bound', max_length=5),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='drafted_at',
            field=models.DateTimeField(default=studyportal.clock.now),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='drafted_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='generator',
            field=models.CharField(default='hmac-drbg-sha256', max_length=20),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='position',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='published_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='published_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='sealed_report',
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='sequences',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='randomizationlist',
            name='slots_per_stratum',
            field=models.PositiveIntegerField(default=0),
        ),
        # By hand, as Django drops an index by its bare name and would not find this one in its schema.
        migrations.RunSQL(
            "CREATE INDEX list_slot_number ON alloc.list_slot (number)",
            "DROP INDEX alloc.list_slot_number",
            state_operations=[
                migrations.AlterField("listslot", "number", models.CharField(db_index=True, max_length=12)),
            ],
        ),
        migrations.AlterField(
            model_name='randomizationlist',
            name='commitment_root',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AlterField(
            model_name='randomizationlist',
            name='generated_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='randomizationlist',
            name='generated_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='randomizationlist',
            name='sealed_seed',
            field=models.BinaryField(null=True),
        ),
        migrations.AlterField(
            model_name='randomizationlist',
            name='state',
            field=models.CharField(choices=[('draft', 'Draft'), ('generated', 'Generated'), ('accepted', 'Accepted'), ('approved', 'Approved'), ('published', 'Commitment published'), ('active', 'Active'), ('closed', 'Closed')], default='draft', max_length=10),
        ),
        # The same for the conditional index that Django would drop above.
        migrations.RunSQL("DROP INDEX IF EXISTS alloc.one_active_list", migrations.RunSQL.noop),
        migrations.RunSQL(EARLIER, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='randomizationlist',
            name='drafted_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='randomizationlist',
            constraint=models.UniqueConstraint(fields=('study', 'position'), name='list_position_once_per_study'),
        ),
        migrations.AddConstraint(
            model_name='randomizationlist',
            constraint=models.CheckConstraint(condition=models.Q(('approved_by__isnull', True), models.Q(('approved_by', models.F('generated_by')), ('approved_by', models.F('drafted_by')), models.Q(('accepted_by__isnull', False), ('approved_by', models.F('accepted_by'))), _connector='OR', _negated=True), _connector='OR'), name='list_approved_by_a_second_person'),
        ),
        migrations.AddConstraint(
            model_name='randomizationlist',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ('draft', 'closed')), models.Q(('generated_at__isnull', False), ('generated_by__isnull', False), ('sealed_seed__isnull', False)), _connector='OR'), name='list_generated_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='randomizationlist',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ('draft', 'generated', 'closed')), ('commits_to', 'slots'), models.Q(('accepted_at__isnull', False), ('accepted_by__isnull', False), ('sealed_report__isnull', False)), _connector='OR'), name='list_accepted_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='randomizationlist',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ('draft', 'generated', 'accepted', 'closed')), models.Q(('approved_at__isnull', False), ('approved_by__isnull', False)), _connector='OR'), name='list_approved_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='randomizationlist',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('published', 'active')), _negated=True), models.Q(('published_at__isnull', False), ('published_by__isnull', False)), _connector='OR'), name='list_published_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='randomizationlist',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'active'), _negated=True), models.Q(('activated_at__isnull', False), ('activated_by__isnull', False)), _connector='OR'), name='list_activated_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='randomizationlist',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'closed'), _negated=True), ('commits_to', 'slots'), models.Q(('closed_at__isnull', False), ('closed_by__isnull', False), models.Q(('closed_reason', ''), _negated=True)), _connector='OR'), name='list_closed_by_somebody_with_a_reason'),
        ),
        migrations.RunSQL(GUARDS, UNGUARDED),
        migrations.RunSQL(ALLOCATE, FIRST_ALLOCATE),
        migrations.RunSQL(CLEAR_DESIGN, "DROP FUNCTION alloc.clear_design(uuid)"),
    ]
