"""Checks the hash chains of the trail."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
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

    @property
    def digest(self) -> str:
        """The hash that this row must have: SHA-256 over its place, the hash before it and its body."""
        text = f"{self.tbl}|{self.pk}|{self.seq}|{self.previous_hash}|{self.body}"
        return hashlib.sha256(text.encode()).hexdigest()


Heads = Mapping[tuple[str, str], tuple[int, str]]


def links() -> Iterator[Link]:
    """Read the whole trail, object by object, in order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl, pk, seq, body, previous_hash, hash FROM audit.change ORDER BY tbl, pk, seq")
        while rows := cursor.fetchmany(2000):
            yield from (Link(*row) for row in rows)


def heads() -> Heads:
    """Read where each object's chain must end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl, pk, seq, hash FROM audit.obj_head")
        return {(tbl, pk): (seq, digest) for tbl, pk, seq, digest in cursor.fetchall()}


def broken(chain: Iterable[Link], ends: Heads | None = None) -> list[str]:
    """Return one sentence for each link that does not follow from the one before it, and for each chain cut short."""
    faults = []
    open_ends = dict(ends or {})
    for (tbl, pk), members in groupby(chain, key=lambda link: (link.tbl, link.pk)):
        seq, previous = 0, ""
        for link in members:
            if (link.seq, link.previous_hash) != (seq + 1, previous):
                faults.append(f"{tbl} {pk}: change {link.seq} does not follow change {seq}")
            elif link.digest != link.hash:
                faults.append(f"{tbl} {pk}: change {link.seq} was altered")
            seq, previous = link.seq, link.hash
        if ends is not None and open_ends.pop((tbl, pk), None) != (seq, previous):
            faults.append(f"{tbl} {pk}: the chain does not end where its head says")
    return faults + [f"{tbl} {pk}: all {seq} changes are missing" for (tbl, pk), (seq, _) in open_ends.items()]
