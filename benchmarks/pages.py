"""Server time and queries of each role's pages, against a running demo study.

    ./portal up                     in one terminal
    ./portal bench pages            in another

Runs the blinded door's code in this process, as its own database login. The reference of the same run is the health
check: middleware and one query.
"""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyportal.settings.dev")

import django

django.setup()

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from studyportal.accounts.models import User
from studyportal.audit.context import acting

TIMES = 7
PAGES = {
    "coordinator": ("/", "/participants/", "/participants/{number}/", "/participants/{number}/sessions/1/",
                    "/ratings/plan/", "/progress/"),
    "investigator": ("/", "/participants/{number}/", "/ratings/alerts/", "/progress/"),
    "rater": ("/ratings/",),
    "imaging": ("/", "/spectra/", "/bases/"),
    "statistician": ("/", "/progress/", "/api/v1/madrs_totals/", "/api/v1/mrs_concentrations/"),
    "monitor": ("/", "/participants/", "/progress/"),
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
    return {
        "status": answer.status_code, "ms": round(statistics.median(took), 1), "queries": len(queries),
        "kb": round(len(body) / 1000, 1),
    }  # fmt: skip


def main() -> None:
    """Print a table; with --json one last line for programs."""
    settings.ALLOWED_HOSTS = ["testserver"]
    number = os.environ.get("PORTAL_BENCH_PARTICIPANT", "KX-001")
    rows = [("-", "/healthz", measure(Client(), "/healthz"))]
    for username, paths in PAGES.items():
        client = Client()
        with acting("system:bench"):
            client.force_login(User.objects.get(username=username), "axes.backends.AxesStandaloneBackend")
        rows += [(username, path, measure(client, path.format(number=number))) for path in paths]
    print(f"{'role':14}{'page':44}{'status':>7}{'ms':>8}{'queries':>9}{'kB':>8}")
    for username, path, row in rows:
        print(f"{username:14}{path:44}{row['status']:7}{row['ms']:8}{row['queries']:9}{row['kb']:8}")
    slowest = max(rows, key=lambda row: row[2]["ms"])
    print(f"slowest: {slowest[1]} for {slowest[0]}, {slowest[2]['ms'] / rows[0][2]['ms']:.1f} times the health check")
    if "--json" in sys.argv:
        print(json.dumps([{"role": username, "page": path, **row} for username, path, row in rows]))


main()
