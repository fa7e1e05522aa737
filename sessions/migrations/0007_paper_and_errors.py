"""What is written down around a randomization, never changed afterwards; messages that wait to be sent."""

import django.db.models.deletion
import studyportal.clock
import uuid
from django.conf import settings
from django.db import migrations, models

TABLES = ("paperrandomization", "randomizedinerror", "stratumcorrection")
FORWARD = "".join(
    f"CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON public.study_sessions_{table}"
    " FOR EACH ROW EXECUTE FUNCTION audit.deny();"
    for table in TABLES
)
BACKWARD = "".join(f"DROP TRIGGER deny_change ON public.study_sessions_{table};" for table in TABLES)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_credentials_of_one_door'),
        ('participants', '0003_keep_randomization'),
        ('studies', '0002_keep_originals'),
        ('study_sessions', '0006_functional_result'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PaperRandomization',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.CharField(max_length=12)),
                ('given_at', models.DateTimeField()),
                ('given_by', models.CharField(max_length=120)),
                ('outage', models.CharField(max_length=240)),
                ('faults', models.JSONField(default=list)),
                ('request_id', models.UUIDField(unique=True)),
                ('recorded_at', models.DateTimeField(default=studyportal.clock.now)),
                ('participant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='paper_randomization', to='participants.participant')),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('signature', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.signature')),
            ],
        ),
        migrations.CreateModel(
            name='RandomizedInError',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=240)),
                ('marked_at', models.DateTimeField(default=studyportal.clock.now)),
                ('marked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('participant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='randomized_in_error', to='participants.participant')),
                ('signature', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.signature')),
            ],
        ),
        migrations.CreateModel(
            name='StratumCorrection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('factor', models.CharField(max_length=20)),
                ('value_before', models.CharField(max_length=40)),
                ('value_after', models.CharField(max_length=40)),
                ('reason', models.CharField(max_length=240)),
                ('recorded_at', models.DateTimeField(default=studyportal.clock.now)),
                ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stratum_corrections', to='participants.participant')),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('recorded_at',),
            },
        ),
        migrations.CreateModel(
            name='OutboxMessage',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('randomized', 'Randomization confirmed'), ('allocation_waits', 'An allocation waits'), ('unavailable', 'Randomization is not available')], max_length=20)),
                ('recipients', models.JSONField()),
                ('queued_at', models.DateTimeField(default=studyportal.clock.now)),
                ('next_try_at', models.DateTimeField(default=studyportal.clock.now)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('failure', models.CharField(blank=True, max_length=80)),
                ('sent_at', models.DateTimeField(null=True)),
                ('participant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='participants.participant')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.site')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studies.study')),
            ],
            options={
                'ordering': ('-queued_at', 'kind'),
                'indexes': [models.Index(condition=models.Q(('sent_at__isnull', True)), fields=['next_try_at'], name='outbox_waiting')],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
