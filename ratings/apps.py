"""App configuration of ratings."""

from django.apps import AppConfig


class RatingsConfig(AppConfig):
    """Instrument packs, assignments, ratings and safety alerts."""

    name = "ratings"
