"""The vault's half of the demo study: JSON in on standard input, JSON out on standard output."""

import datetime
import json
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from studyportal import clock
from studyportal.demo import kits, vault
from studyportal.reports.analysis.synthetic import Sex, SyntheticParticipant
from studyportal.studies.models import Study


class Command(BaseCommand):
    """Refuses to run with another login than the vault's, and for a study that is not SYNTHETIC."""

    help = "Make the demo's unblinded accounts, its list or its kits, or draw its outcomes."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the act."""
        parser.add_argument("act", choices=("people", "list", "outcomes", "kits"))

    def handle(self, **options: Any) -> None:
        """Do one act."""
        if settings.PORTAL_DOOR != "vault":
            raise CommandError("Only the vault's process does this: set PORTAL_PROCESS=vault.")
        study = Study.objects.get(code="DEMO", is_synthetic=True)
        request = json.load(sys.stdin)
        if options["act"] == "people":
            vault.make_people(study, password=request["password"])
            self.stdout.write("{}")
            return
        if options["act"] == "list":
            with clock.at(datetime.datetime.fromisoformat(request["at"])):
                vault.make_list(study, slots_per_stratum=request["slots"], password=request["password"])
            self.stdout.write("{}")
            return
        if options["act"] == "kits":
            kits.stock_and_dispense(study, each=request["each"], password=request["password"])
            self.stdout.write("{}")
            return
        people = {
            UUID(row["id"]): SyntheticParticipant(row["position"], Sex(row["sex"]), row["age"], tuple(row["days"]))
            for row in request["people"]
        }
        drawn = vault.draw_outcomes(study, people)
        self.stdout.write(json.dumps({str(key): [o.as_document() for o in rows] for key, rows in drawn.items()}))
