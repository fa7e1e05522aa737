"""The page about leaks in the documentation lists what the catalogue holds."""

import re

from tests.blinding.leak_report import PAGE, page, shown
from tests.blinding.leaks import LEAKS, SEARCHED
from tests.blinding.observation import CHANNELS

AGAIN = "Run UPDATE_LEAK_REPORT=1 ./portal test tests/blinding and commit the page."
# Bullets of the design's "Channels to close", each with the family of leaks that stands for it.
BULLETS = {
    "fields and nested records": "Fields", "enumerations of the API's document": "OpenAPI",
    "filters, ordering, search": "Filters, order and search", "default order, length, counts": "Lists",
    "comparisons of groups": "Comparisons of groups", "charts": "Charts", "comments, attributes, options": "Markup",
    "key order, null, 40.0": "JSON", "entity tag, length, file names, headers": "Headers",
    "primary keys and insert order": "Keys and order of rows", "kit parity, ranges, time": "Numbers",
    "error texts": "Error texts", "validation ranges": "Validation", "statements": "SQL statements",
    "audit rows": "Trail", "exports": "Exports", "tasks": "Tasks", "logs and error reports": "Logs", "mail": "Mail",
    "caches and browser storage": "Caches and browser storage", "dumps": "Dumps",
    "bundles and translations": "Bundles and translations", "doses and windows": "Doses and windows",
    "period arithmetic": "Period arithmetic", "impersonation": "Impersonation", "cookies": "Cookies",
    "stored files": "Files", "status": "Status",
}  # fmt: skip


def test_the_page_lists_the_leaks_of_the_catalogue() -> None:
    text = PAGE.read_text() if PAGE.exists() else ""
    listed = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \| .* \| .* \|$", text.split("## The leaks")[-1], re.MULTILINE)
    assert [name for name in listed if name not in {"What was planted", "---"}] == [
        leak.name for leak in in_families()
    ], AGAIN
    assert [row for row in SEARCHED if f"| {row[0]} | {row[1]} | {row[2]} |" not in text] == [], AGAIN


def in_families() -> list[object]:
    families = dict.fromkeys(leak.channel for leak in LEAKS)
    return [leak for family in families for leak in LEAKS if leak.channel == family]


def test_every_channel_of_the_design_has_a_leak() -> None:
    families = {leak.channel for leak in LEAKS} | {family for family, *_ in SEARCHED}
    assert set(BULLETS.values()) - families == set()
    assert "a badge after an unblinding" in {leak.name for leak in LEAKS}


def test_a_page_is_written_from_notes() -> None:
    kept = [{"family": "Mail", "name": "who gets mail", "world": "swap", "channels": ["mail"], "role": "coordinator",
             "request": "POST /participants/<str:number>/randomize/", "here": "a", "there": "b"}]  # fmt: skip
    known = {"worlds": 14, "roles": 8, "people": 12, "people compared": 12, "requests in world base": 3000,
             "requests in world swap": 3000, "differences in world swap": 0}  # fmt: skip
    text = page(kept, known)
    assert "| who gets mail | POST /participants/&lt;str:number>/randomize/ | mail | a | b |" in text
    assert "| Requests asked of all worlds together | 6,000 |" in text
    assert [name for name in CHANNELS if f"| {name} |" not in text] == []
    assert shown("x|" * 40) == "x\\|" * 23 + "x…"
