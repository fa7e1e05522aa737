"""The navigation of each door: what a person's permissions reach."""

from collections.abc import Collection
from typing import NamedTuple

from django.urls import NoReverseMatch, reverse

from studyportal.accounts.roles import Permission


class Item(NamedTuple):
    """One link of the navigation."""

    label: str
    url: str
    is_current: bool


MAPS: dict[str, tuple[tuple[str, str, Permission], ...]] = {
    "web": (
        ("Worklist", "home", Permission.PARTICIPANT_VIEW),
        ("Participants", "participants", Permission.PARTICIPANT_VIEW),
        ("Spectra", "spectra", Permission.SPECTRUM_QUALITY_VIEW),
        ("Analysis protocol", "analysis-protocol", Permission.PROTOCOL_VIEW),
        ("Stored files", "stored-files", Permission.STORED_FILES_WATCH),
        ("My ratings", "rating-worklist", Permission.RATING_ENTER),
        ("Rating plan", "rating-plan", Permission.RATING_ASSIGN),
        ("Safety alerts", "safety-alerts", Permission.SAFETY_ACKNOWLEDGE),
        ("Study progress", "progress", Permission.REPORT_VIEW),
        ("My guesses", "own-guesses", Permission.RATING_ENTER),
        ("Guesses", "guesses", Permission.GUESS_RECORD),
        ("Team", "team", Permission.TEAM_MANAGE),
        ("Commitment", "commitment", Permission.COMMITMENT_VIEW),
        ("Emergency unblinding", "deliveries", Permission.UNBLINDING_NOTICE_VIEW),
        ("Study lock", "study-lock", Permission.REPORT_VIEW),
        ("Messages", "messages", Permission.MAIL_WATCH),
        ("Consent versions", "consent-versions", Permission.CONSENT_VERSION_SET),
    ),
    "vault": (
        ("Emergency", "emergency", Permission.ALLOCATION_UNBLIND),
        ("Allocations", "allocations", Permission.ALLOCATION_VIEW),
        ("Randomization lists", "lists", Permission.LIST_VIEW),
        ("Unblinded report", "unblinded-report", Permission.UNBLINDED_REPORT_VIEW),
        ("View log", "reveal-log", Permission.REVEAL_LOG_VIEW),
        ("Replacements", "replacements", Permission.REPLACEMENT_ARRANGE),
        ("Kits", "kits", Permission.KIT_VIEW),
        ("Blinding", "blinding", Permission.UNBLINDED_REPORT_VIEW),
        ("Who can be deduced", "contagion", Permission.CONTAGION_VIEW),
        ("Planned unblinding", "planned-unblinding", Permission.STUDY_UNBLIND),
        ("Emergency sheets", "emergency-sheets", Permission.SHEET_PRINT),
    ),
}


def items(door: str, permissions: Collection[Permission], path: str) -> list[Item]:
    """Return the links that `permissions` open at `door`; the longest address that fits the path is the current one."""
    reached = []
    for label, name, permission in MAPS[door]:
        if permission in permissions:
            try:
                reached.append((label, reverse(name)))
            except NoReverseMatch:
                continue
    fitting = [url for _, url in reached if path == url or (url != "/" and path.startswith(url))]
    current = max(fitting, key=len, default="")
    return [Item(label, url, url == current) for label, url in reached]
