"""Kits, shipments and the append-only ledger; the dispensing label that the ward may read."""

import django.db.models.deletion
import studyportal.clock
import uuid
from django.conf import settings
from django.db import migrations, models


FORWARD = """
-- The ledger's rules, held a second time where no other way of writing can go round them (`kit_ledger` is the first).
CREATE FUNCTION alloc.check_kit_movement() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, alloc AS $$
DECLARE
    last alloc.kit_movement%ROWTYPE;
    state text;
    checker uuid;
BEGIN
    SELECT * INTO last FROM alloc.kit_movement WHERE kit_id = NEW.kit_id ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> coalesce(last.seq, 0) + 1 THEN
        RAISE EXCEPTION 'a kit''s movements follow each other without a gap' USING ERRCODE = 'check_violation';
    END IF;
    state := CASE last.kind
        WHEN 'announced' THEN 'in_transit'
        WHEN 'received' THEN 'in_stock'
        WHEN 'held_on_arrival' THEN 'quarantined'
        WHEN 'not_arrived' THEN 'missing'
        WHEN 'quarantined' THEN 'quarantined'
        WHEN 'released' THEN 'in_stock'
        WHEN 'reserved' THEN 'reserved'
        WHEN 'put_back' THEN 'in_stock'
        WHEN 'dispensed' THEN 'dispensed'
        WHEN 'returned' THEN 'returned'
        WHEN 'broken' THEN 'broken'
        WHEN 'lost' THEN 'missing'
        WHEN 'found' THEN 'quarantined'
        WHEN 'recalled' THEN 'recalled'
        WHEN 'destroyed' THEN 'destroyed'
        ELSE '-' END;
    IF NEW.kind || '<' || state <> ALL (ARRAY[
        'announced<-', 'broken<dispensed', 'broken<in_stock', 'broken<quarantined', 'broken<reserved',
        'destroyed<broken', 'destroyed<in_stock', 'destroyed<quarantined', 'destroyed<recalled',
        'destroyed<returned', 'dispensed<reserved', 'found<missing', 'held_on_arrival<in_transit', 'lost<broken',
        'lost<dispensed', 'lost<in_stock', 'lost<quarantined', 'lost<recalled', 'lost<reserved', 'lost<returned',
        'not_arrived<in_transit', 'put_back<reserved', 'quarantined<in_stock', 'recalled<dispensed',
        'recalled<in_stock', 'recalled<in_transit', 'recalled<quarantined', 'recalled<reserved',
        'received<in_transit', 'released<quarantined', 'reserved<in_stock', 'returned<dispensed'
    ]) THEN
        RAISE EXCEPTION 'this movement cannot follow' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind = 'released' AND EXISTS (
        SELECT 1 FROM alloc.kit_movement
        WHERE kit_id = NEW.kit_id AND kind IN ('dispensed', 'broken', 'recalled')
    ) THEN
        RAISE EXCEPTION 'this kit is never released again' USING ERRCODE = 'check_violation';
    END IF;
    SELECT checked_by_id INTO checker FROM alloc.kit_act WHERE id = NEW.act_id;
    IF checker IS NULL AND NEW.kind = ANY (ARRAY[
        'broken', 'destroyed', 'dispensed', 'lost', 'recalled', 'released'
    ]) THEN
        RAISE EXCEPTION 'this movement needs a second person' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER check_kit_movement BEFORE INSERT ON alloc.kit_movement
    FOR EACH ROW EXECUTE FUNCTION alloc.check_kit_movement();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.kit_shipment FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.kit FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.kit_act FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.kit_movement FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.kit_count FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON public.allocation_dispensinglabel
    FOR EACH ROW EXECUTE FUNCTION audit.deny();
"""

BACKWARD = """
DROP TRIGGER deny_change ON public.allocation_dispensinglabel;
DROP TRIGGER deny_change ON alloc.kit_count;
DROP TRIGGER deny_change ON alloc.kit_movement;
DROP TRIGGER deny_change ON alloc.kit_act;
DROP TRIGGER deny_change ON alloc.kit;
DROP TRIGGER deny_change ON alloc.kit_shipment;
DROP TRIGGER check_kit_movement ON alloc.kit_movement;
DROP FUNCTION alloc.check_kit_movement();
"""


class Migration(migrations.Migration):
    """What is written stays: no update and no delete, and no movement out of order."""

    dependencies = [
        ('allocation', '0005_minimization'),
        ('studies', '0002_keep_originals'),
        ('study_sessions', '0006_functional_result'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Kit',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.CharField(max_length=14)),
                ('sealed', models.BinaryField()),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.study')),
            ],
            options={
                'db_table': 'alloc"."kit',
                'ordering': ('number',),
            },
        ),
        migrations.CreateModel(
            name='KitAct',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=16)),
                ('at', models.DateTimeField(default=studyportal.clock.now)),
                ('reason', models.CharField(blank=True, max_length=240)),
                ('details', models.JSONField(default=dict)),
                ('content_sha256', models.CharField(max_length=64)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('checked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.study')),
            ],
            options={
                'db_table': 'alloc"."kit_act',
                'ordering': ('at',),
            },
        ),
        migrations.CreateModel(
            name='KitCount',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('lot', models.CharField(max_length=20)),
                ('expected', models.PositiveIntegerField()),
                ('counted', models.PositiveIntegerField()),
                ('act', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='count', to='allocation.kitact')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.site')),
            ],
            options={
                'db_table': 'alloc"."kit_count',
            },
        ),
        migrations.CreateModel(
            name='KitMovement',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('seq', models.PositiveSmallIntegerField()),
                ('kind', models.CharField(max_length=16)),
                ('units', models.PositiveSmallIntegerField(null=True)),
                ('act', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='movements', to='allocation.kitact')),
                ('kit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='movements', to='allocation.kit')),
                ('session', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='study_sessions.studysession')),
            ],
            options={
                'db_table': 'alloc"."kit_movement',
                'ordering': ('kit', 'seq'),
            },
        ),
        migrations.CreateModel(
            name='KitShipment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.CharField(max_length=12)),
                ('lot', models.CharField(max_length=20)),
                ('expires_on', models.DateField()),
                ('storage', models.CharField(max_length=60)),
                ('kits_per_treatment', models.PositiveSmallIntegerField()),
                ('sealed_seed', models.BinaryField()),
                ('announced_at', models.DateTimeField(default=studyportal.clock.now)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.site')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.study')),
            ],
            options={
                'db_table': 'alloc"."kit_shipment',
                'ordering': ('-announced_at',),
            },
        ),
        migrations.AddField(
            model_name='kit',
            name='shipment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='kits', to='allocation.kitshipment'),
        ),
        migrations.CreateModel(
            name='DispensingLabel',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.CharField(max_length=14)),
                ('dispensed_at', models.DateTimeField(default=studyportal.clock.now)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='study_sessions.studysession')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.study')),
            ],
            options={
                'ordering': ('dispensed_at',),
                'constraints': [models.UniqueConstraint(fields=('study', 'number'), name='dispensing_number_once_per_study')],
            },
        ),
        migrations.AddConstraint(
            model_name='kitact',
            constraint=models.CheckConstraint(condition=models.Q(('checked_by__isnull', True), models.Q(('checked_by', models.F('by')), _negated=True), _connector='OR'), name='kit_act_checked_by_a_second_person'),
        ),
        migrations.AddConstraint(
            model_name='kitmovement',
            constraint=models.UniqueConstraint(fields=('kit', 'seq'), name='kit_movement_once_per_place'),
        ),
        migrations.AddConstraint(
            model_name='kitshipment',
            constraint=models.UniqueConstraint(fields=('study', 'number'), name='shipment_number_once_per_study'),
        ),
        migrations.AddConstraint(
            model_name='kit',
            constraint=models.UniqueConstraint(fields=('study', 'number'), name='kit_number_once_per_study'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
