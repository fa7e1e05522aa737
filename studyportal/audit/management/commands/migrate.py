"""Django's migrate, writing each migration's rows as `migration:<app>.<name>`."""

from contextlib import ExitStack
from typing import Any

from django.core.management.commands import migrate

from studyportal.audit.context import acting


class Command(migrate.Command):
    """Names the actor of every migration, so that its data changes are in the trail like anybody's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._actor = ExitStack()

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """Switch the actor when a migration starts and back when it ends."""
        super().migration_progress_callback(action, migration, fake)
        if action in {"apply_start", "unapply_start"}:
            self._actor.enter_context(acting(f"migration:{migration.app_label}.{migration.name}"))
        elif action in {"apply_success", "unapply_success"}:
            self._actor.close()
