"""App configuration of the studies floor."""

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    """Study and Site: the floor on which memberships stand."""

    name = "studyportal.studies"
    label = "studies"
