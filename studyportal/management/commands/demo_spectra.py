"""Brings the demo's spectra in, one by one; ends when all are in."""

from typing import Any

from django.core.management.base import BaseCommand

from studyportal.accounts.models import User
from studyportal.demo import making, spectra
from studyportal.demo.design import CODE
from studyportal.studies.models import Study


class Command(BaseCommand):
    """`manage.py demo_spectra`, kept running by the supervisor beside the worker."""

    help = "Simulate and upload the spectra that the demo study lacks."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        """Feed until nothing lacks."""
        del options
        study = Study.objects.filter(code=CODE, is_synthetic=True).first()
        if study is None or not spectra.lacking(study):
            return
        outcomes = making.outcomes_of(making.people_on_file())
        fed = spectra.feed(study, outcomes, by=User.objects.get(username="imaging"))
        self.stdout.write(f"{fed} spectra came in.")
