"""App configuration of the reports."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Dashboards and datasets of both doors."""

    name = "studyportal.reports"
    label = "reports"
