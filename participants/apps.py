"""App configuration of participants."""

from django.apps import AppConfig


class ParticipantsConfig(AppConfig):
    """Participants and what must be true before they are randomized."""

    name = "participants"
