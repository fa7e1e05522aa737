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
        ("Participants", "participants", Permission.PARTICIPANT_VIEW),
        ("My ratings", "rating-worklist", Permission.RATING_ENTER),
        ("Study progress", "progress", Permission.REPORT_VIEW),
        ("Team", "team", Permission.TEAM_MANAGE),
    ),
    "vault": (
        ("Randomization lists", "lists", Permission.LIST_VIEW),
        ("Unblinded report", "unblinded-report", Permission.UNBLINDED_REPORT_VIEW),
        ("View log", "reveal-log", Permission.REVEAL_LOG_VIEW),
    ),
}


def items(door: str, permissions: Collection[Permission], path: str) -> list[Item]:
    """Return the links that `permissions` open at `door`."""
    links = []
    for label, name, permission in MAPS[door]:
        if permission in permissions:
            try:
                url = reverse(name)
            except NoReverseMatch:
                continue
            links.append(Item(label, url, path.startswith(url)))
    return links
