"""Checks the hash chains of the trail."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from django.db import connection


class Link(NamedTuple):
    """One row of the trail as it is hashed."""

    tbl: str
    pk: str
    seq: int
    body: str
    previous_hash: str
    hash: str


def links() -> Iterator[Link]:
    """Read the whole trail, object by object, in order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl, pk, seq, body, previous_hash, hash FROM audit.change ORDER BY tbl, pk, seq")
        while rows := cursor.fetchmany(2000):
            yield from (Link(*row) for row in rows)


def broken(chain: Iterable[Link]) -> list[str]:
    """Return one sentence for each link that does not follow from the one before it."""
    faults = []
    for (tbl, pk), members in groupby(chain, key=lambda link: (link.tbl, link.pk)):
        seq, previous = 0, ""
        for link in members:
            text = f"{tbl}|{pk}|{link.seq}|{previous}|{link.body}"
            if (link.seq, link.previous_hash) != (seq + 1, previous):
                faults.append(f"{tbl} {pk}: change {link.seq} does not follow change {seq}")
            elif hashlib.sha256(text.encode()).hexdigest() != link.hash:
                faults.append(f"{tbl} {pk}: change {link.seq} was altered")
            seq, previous = link.seq, link.hash
    return faults
