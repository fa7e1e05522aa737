"""Emergency sheets; alloc.reconcile(): a number given from one, written down afterwards."""

import django.db.models.deletion
import studyportal.clock
import uuid
from django.conf import settings
from django.db import migrations, models

# Answers in one word, none of which says more than the site's own sheet: where a number stands, and whether an earlier
# one of its column is free. A fault that a person may confirm (`the_confirmed`) is a number that was given all the same.
FORWARD = """
CREATE FUNCTION alloc.reconcile(
    the_participant uuid, the_study uuid, the_site uuid, the_stratum text, the_number text, the_request uuid,
    the_confirmed boolean)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, alloc AS $$
DECLARE
    existing text;
    head alloc.stratum%ROWTYPE;
    line record;
    is_other_column boolean;
    is_out_of_order boolean;
BEGIN
    SELECT s.number INTO existing FROM alloc.allocation a JOIN alloc.list_slot s ON s.id = a.slot_id
        WHERE a.participant_id = the_participant;
    IF FOUND THEN
        RETURN CASE WHEN existing = the_number THEN 'same' ELSE 'allocated' END;
    END IF;
    PERFORM 1 FROM public.participants_participant p
        WHERE p.id = the_participant AND p.study_id = the_study AND p.site_id = the_site AND p.status = 'screening';
    IF NOT FOUND THEN
        RETURN 'not_screening';
    END IF;
    SELECT s.id AS slot_id, s.stratum_id, s.ordinal, e.sheet_id INTO line
        FROM alloc.emergency_line e JOIN alloc.emergency_sheet t ON t.id = e.sheet_id
        JOIN alloc.list_slot s ON s.id = e.slot_id
        WHERE t.study_id = the_study AND t.site_id = the_site AND s.number = the_number;
    IF NOT FOUND THEN
        RETURN 'not_on_sheet';
    END IF;
    SELECT h.* INTO head FROM alloc.stratum h WHERE h.id = line.stratum_id FOR UPDATE;
    PERFORM 1 FROM alloc.allocation a WHERE a.slot_id = line.slot_id;
    IF FOUND THEN
        RETURN 'used';
    END IF;
    is_other_column := head.key <> 'paper|' || the_stratum;
    is_out_of_order := EXISTS (
        SELECT FROM alloc.emergency_line e JOIN alloc.list_slot s ON s.id = e.slot_id
        WHERE e.sheet_id = line.sheet_id AND s.stratum_id = line.stratum_id AND s.ordinal < line.ordinal
            AND NOT EXISTS (SELECT FROM alloc.allocation a WHERE a.slot_id = s.id));
    IF NOT the_confirmed AND (is_other_column OR is_out_of_order) THEN
        RETURN CASE WHEN NOT is_other_column THEN 'out_of_order' WHEN is_out_of_order THEN 'both'
            ELSE 'other_column' END;
    END IF;
    UPDATE alloc.stratum SET taken = head.taken + 1 WHERE id = head.id;
    INSERT INTO alloc.allocation (id, participant_id, slot_id, stratum_key, request_id, allocated_at)
        VALUES (gen_random_uuid(), the_participant, line.slot_id, the_stratum, the_request, clock_timestamp());
    RETURN 'done';
END $$;

CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.emergency_sheet FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.emergency_line FOR EACH ROW EXECUTE FUNCTION audit.deny();
"""

BACKWARD = """
DROP TRIGGER deny_change ON alloc.emergency_line;
DROP TRIGGER deny_change ON alloc.emergency_sheet;
DROP FUNCTION alloc.reconcile(uuid, uuid, uuid, text, text, uuid, boolean);
"""


class Migration(migrations.Migration):
    """The blinded login may call the function and sees none of the tables."""

    dependencies = [
        ('allocation', '0007_unblinding'),
        ('studies', '0002_keep_originals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='EmergencySheet',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('serial', models.PositiveIntegerField()),
                ('printed_at', models.DateTimeField(default=studyportal.clock.now)),
                ('printed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.site')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.study')),
            ],
            options={
                'db_table': 'alloc"."emergency_sheet',
                'ordering': ('-printed_at',),
            },
        ),
        migrations.CreateModel(
            name='EmergencyLine',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('slot', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='emergency_line', to='allocation.listslot')),
                ('sheet', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='allocation.emergencysheet')),
            ],
            options={
                'db_table': 'alloc"."emergency_line',
            },
        ),
        migrations.AddConstraint(
            model_name='emergencysheet',
            constraint=models.UniqueConstraint(fields=('study', 'serial'), name='sheet_serial_once_per_study'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
