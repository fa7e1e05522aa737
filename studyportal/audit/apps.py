"""App configuration of the audit trail."""

from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate  # noqa: TID251 - the one moment after which tables are new


class AuditConfig(AppConfig):
    """Attaches the trail to new tables after each migrate, and checks that none was missed."""

    name = "studyportal.audit"
    label = "audit"

    def ready(self) -> None:
        """Hook into migrate and into Django's database checks."""
        from studyportal.audit.tables import attach_after_migrate, check_every_table  # noqa: PLC0415 - needs the apps

        # The last app of the list is migrated last, so its signal comes when every table stands.
        last = list(apps.get_app_configs())[-1]
        post_migrate.connect(attach_after_migrate, sender=last, dispatch_uid="audit.attach")
        register(check_every_table, Tags.database)
