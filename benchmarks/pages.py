"""Server time and queries of each role's pages, against a running demo study.

    ./portal up                     in one terminal
    ./portal bench pages            in another

Runs each door's code in a process of its own, as that door's database login. The reference of the same run is the
health check: middleware and one query.
"""

import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyportal.settings.dev")

import django

django.setup()

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from studyportal.accounts.models import User
from studyportal.audit.context import acting

TIMES = 7
PAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "web": {
        "coordinator": ("/", "/participants/", "/participants/{number}/", "/participants/{number}/sessions/1/",
                        "/ratings/plan/", "/progress/"),
        "investigator": ("/", "/participants/{number}/", "/ratings/alerts/", "/progress/"),
        "rater": ("/ratings/",),
        "imaging": ("/", "/spectra/", "/bases/", "/files/"),
        "statistician": ("/", "/progress/", "/api/v1/madrs_totals/", "/api/v1/mrs_concentrations/",
                         "/api/v1/mrs_series/", "/api/v1/mrs_effects/"),
        "monitor": ("/", "/participants/", "/progress/"),
    },
    "vault": {
        "pharmacist": ("/", "/allocations/", "/log/"),
        "unblinded": ("/report/", "/report/figures/madrs.json", "/log/", "/api/v1/madrs_totals/"),
    },
}  # fmt: skip


def measure(client: Client, path: str) -> dict[str, float]:
    """Return median milliseconds, queries and kilobytes of a page."""
    client.get(path)
    took = []
    for _ in range(TIMES):
        with CaptureQueriesContext(connection) as queries:
            began = time.perf_counter()
            answer = client.get(path)
            body = answer.getvalue()
            took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:  # a redirect to the sign-in page is fast, and no figure
            sys.exit(f"{path} answered {answer.status_code}: start the portal with its demo study first")
    return {
        "ms": round(statistics.median(took), 1), "queries": len(queries),
        "kb": round(len(body) / 1000, 1),
    }  # fmt: skip


def rows_of(door: str) -> list[dict[str, object]]:
    """Measure every page of a door; its health check comes first."""
    settings.ALLOWED_HOSTS = ["testserver"]
    number = os.environ.get("PORTAL_BENCH_PARTICIPANT", "KX-001")
    rows: list[dict[str, object]] = [{"role": "-", "page": f"/healthz ({door})", **measure(Client(), "/healthz")}]
    for username, paths in PAGES[door].items():
        client = Client()
        with acting("system:bench"), transaction.atomic():
            user, request = User.objects.get(username=username), HttpRequest()
            client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
            request.session = client.session
            record_authentication(request, user, "mfa", type="totp")
            request.session.save()
        rows += [{"role": username, "page": path, **measure(client, path.format(number=number))} for path in paths]
    return rows


def main() -> None:
    """Print a table; with --json one last line for programs."""
    door = os.environ.get("PORTAL_BENCH_DOOR")
    if door:
        print(json.dumps(rows_of(door)))
        return
    rows = []
    for each in PAGES:
        environment = os.environ | {"PORTAL_PROCESS": each, "PORTAL_BENCH_DOOR": each}
        ran = subprocess.run([sys.executable, __file__], env=environment, stdout=subprocess.PIPE, check=True, text=True)
        rows += json.loads(ran.stdout.splitlines()[-1])
    print(f"{'role':14}{'page':44}{'ms':>8}{'queries':>9}{'kB':>8}")
    for row in rows:
        print("{role:14}{page:44}{ms:8}{queries:9}{kb:8}".format(**row))
    slowest = max(rows, key=lambda row: row["ms"])
    ratio = slowest["ms"] / rows[0]["ms"]
    print(f"slowest: {slowest['page']} for {slowest['role']}, {ratio:.1f} times the health check")
    if "--json" in sys.argv:
        print(json.dumps(rows))


main()
