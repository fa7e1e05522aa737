"""App configuration of sessions."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    """Crossover sessions under the label `study_sessions`."""

    name = "sessions"
    label = "study_sessions"
