"""Versions of the consent form: randomization asks for a consent on the one in use."""

import django.db.models.deletion
import studyportal.clock
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('participants', '0003_keep_randomization'),
        ('studies', '0002_keep_originals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ConsentVersion',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('version', models.CharField(max_length=12)),
                ('valid_from', models.DateField()),
                ('recorded_at', models.DateTimeField(default=studyportal.clock.now)),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='consent_versions', to='studies.study')),
            ],
            options={
                'ordering': ('-valid_from',),
                'constraints': [models.UniqueConstraint(fields=('study', 'version'), name='consent_form_version_once_per_study'), models.UniqueConstraint(fields=('study', 'valid_from'), name='one_consent_form_version_begins_a_day')],
            },
        ),
    ]
