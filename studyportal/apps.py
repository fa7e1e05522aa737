"""The project as an app: base templates, static files and the Celery binding."""

from django.apps import AppConfig


class StudyPortalConfig(AppConfig):
    """Owns the base templates and the static files, and binds tasks to the project's Celery app."""

    name = "studyportal"

    def ready(self) -> None:
        """Import the Celery app so that every task module binds to it."""
        from studyportal import celery  # noqa: F401, PLC0415 - the import is the effect, and needs loaded settings
