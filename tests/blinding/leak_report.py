"""Writes `docs/reference/what-we-tried-to-leak.md` from a run: UPDATE_LEAK_REPORT=1 ./portal test tests/blinding."""

import json
import re
from collections import Counter

from tests.blinding.leaks import LEAKS, SEARCHED
from tests.blinding.observation import CHANNELS
from tests.blinding.planting import Leak
from tests.blinding.report import figures
from tests.blinding.routes import PEOPLE, routes
from tests.blinding.staging import Finding
from tests.conftest import DATA, REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "what-we-tried-to-leak.md"
NOTES = DATA / "leaks"
LONGEST = 48
MEANING = {
    "status": "the status code", "headers": "names, values and order of headers", "cookies": "cookies that are set",
    "body": "the answer, byte for byte", "sql": "every statement with its parameters",
    "logs": "every log record with its arguments and extras", "mail": "subject, text, people, files of each mail",
    "broker": "each message as it lies in the broker", "files": "names and content of stored files",
    "tables": "every table that the login `portal_web` can read", "cache": "names and values in the shared cache",
}  # fmt: skip
HEAD = """# What we tried to leak

Written from a run of the suite (`UPDATE_LEAK_REPORT=1 ./portal test tests/blinding`); do not edit. How the proof works
is told in [How the blind is built, and how it is proven](../explanation/blinding.md).

## The run

{figures}

The worlds must show no difference before any of this counts. Then each of the leaks below was planted, alone, for the
length of one test. For each it was first shown that it *is* a leak: a plain request, without the comparing harness,
reads one thing in one world and another in the other, and the same in both without the plant. Then the harness had to
find it. Last, the same change was planted so that it follows something public (whether the participant's number is odd)
instead of the sequence; there the harness had to stay silent, and did for every one.

## Channels

| Channel | What is compared | Leaks found in it |
| --- | --- | --- |
{channels}

## The leaks

{leaks}

## Leaks that no request shows

| Family | What was planted | What found it |
| --- | --- | --- |
{searched}

## What is not tried

How long an answer takes is not compared. What people tell each other is beyond a test. Whoever holds the vault's key
reads the list.
"""


def note(leak: Leak, seen: Finding) -> None:
    """Keep what became of a leak, for whoever writes the page at the end of the run."""
    NOTES.mkdir(exist_ok=True)
    template = next((route.template for route in routes() if route.name == seen.ask.route), "")
    kept = {
        "family": leak.channel, "name": leak.name, "world": leak.world, "channels": seen.channels,
        "request": f"{seen.ask.method} /{template}", "role": seen.ask.role,
        "here": shown(seen.shown_here), "there": shown(seen.shown_there),
    }  # fmt: skip
    (NOTES / f"{LEAKS.index(leak):03}.json").write_text(json.dumps(kept))


def shown(value: object) -> str:
    """Return a short text of what was read, safe in a table."""
    text = re.sub(r"\s+", " ", value if isinstance(value, str) else repr(value))
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'").replace("*", "\\*")


def write() -> str:
    """Write the page; return a sentence about it. Figures come from a whole run: a part would tell of a part."""
    kept = [json.loads(path.read_text()) for path in sorted(NOTES.glob("*.json"))] if NOTES.exists() else []
    known = figures()
    if len(kept) != len(LEAKS):
        return "The page of leaks was not written: run all of tests/blinding."
    PAGE.write_text(page(kept, known))
    return f"{PAGE.relative_to(REPOSITORY)} is written; read the difference and commit it."


def page(kept: list[dict[str, object]], known: dict[str, object]) -> str:
    """Return the page's text."""
    found = Counter(channel for one in kept for channel in one["channels"])
    return HEAD.format(
        figures=_figures(known, len(kept)),
        channels="\n".join(f"| {name} | {MEANING[name]} | {found[name]} |" for name in CHANNELS),
        leaks="\n\n".join(_family(family, kept) for family in dict.fromkeys(str(one["family"]) for one in kept)),
        searched="\n".join(f"| {family} | {name} | {by} |" for family, name, by in SEARCHED),
    )


def _figures(known: dict[str, object], leaks: int) -> str:
    counts = {key: int(str(value)) for key, value in known.items() if str(value).isdigit()}
    if counts.get("people compared") != len(PEOPLE) or "worlds" not in counts:
        return f"Leaks planted and found: {leaks + len(SEARCHED)}. The other figures are written by a whole run."
    asked = sum(value for key, value in counts.items() if key.startswith("requests in world"))
    differences = sum(value for key, value in counts.items() if key.startswith("differences in world"))
    lines = {
        "Worlds that differ in the secret": counts["worlds"],
        "Blinded roles": counts["roles"],
        "People who ask (roles, another site, another study, nobody)": counts["people"],
        "Different requests, all asked of the base": counts["requests in world base"],
        "Requests asked of all worlds together": asked,
        "of these of the world with every sequence exchanged": counts.get("requests in world swap", 0),
        "of these of the same world built twice (A/A)": counts.get("requests in world again", 0),
        "Pairs of address and role that were reached with success": counts.get("routes x roles reached", 0),
        "Channels compared": len(CHANNELS),
        "Differences": differences,
        "Leaks planted and found": leaks + len(SEARCHED),
    }
    return "\n".join(("| Figure | |", "| --- | --- |", *(f"| {name} | {value:,} |" for name, value in lines.items())))


def _family(family: str, kept: list[dict[str, object]]) -> str:
    rows = [
        f"| {one['name']} | {one['request'].replace('<', '&lt;')} | {', '.join(one['channels'])} | {one['here']} |"
        f" {one['there']} |"
        for one in kept
        if one["family"] == family
    ]
    head = "| What was planted | Request that found it | Found in | Read in the base | Read in the other |"
    return "\n".join((f"### {family}", "", head, "| --- | --- | --- | --- | --- |", *rows))
