"""The course of a minimization, and a whole study's bundle: every list, every course, and who came when.

`verify.py` checks both without any of this package. The forms are described in `docs/explanation/randomization.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessions.randomization.bundle import CommitsTo, ListTerms, digest, root_of
from sessions.randomization.commitment import chain_link

COURSE_FORMAT = "studyportal-minimization-bundle/1"
STUDY_FORMAT = "studyportal-study-bundle/1"
START_OF_CHAIN = bytes(32)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """One step of a minimization, in the order of randomization: who, at which levels, and what came of it."""

    participant: str
    number: str
    levels: Mapping[str, str]
    sequence: str


@dataclass(frozen=True, slots=True)
class AllocationStep:
    """One allocation of the study in the order of all: none of what it gives, so that its chain can be public early.

    Attributes
    ----------
    stratum
        The stratum's key; in a minimization `levels_in_words`.
    list_id
        Empty for a number outside every list (`Mirrored`).
    at
        The database's moment, UTC, ISO 8601.
    """

    participant: str
    number: str
    list_id: str
    stratum: str
    at: str


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A number given outside every list, to somebody who replaces `replaced` with the same sequence."""

    participant: str
    number: str
    replaced: str


def levels_in_words(levels: Mapping[str, str]) -> str:
    """Return a newcomer's levels as the chain holds them: `sex=F, site=01`, by the names of the factors."""
    return ", ".join(f"{factor}={level}" for factor, level in sorted(levels.items()))


def course_bundle(
    terms: ListTerms, seed: bytes, newcomers: Sequence[Newcomer], *, commits_to: CommitsTo | str
) -> dict[str, object]:
    """Return the bundle of a minimization, for `json.dumps`: with it anybody draws every newcomer again."""
    bundle: dict[str, object] = {
        "format": COURSE_FORMAT,
        "header": terms.header(seed),
        "commits_to": str(commits_to),
        "root": root_of(terms, seed, (), CommitsTo(commits_to)).hex(),
        "seed": seed.hex(),
        "newcomers": [
            {
                "participant": one.participant,
                "number": one.number,
                "ordinal": ordinal,
                "levels": dict(one.levels),
                "sequence": one.sequence,
            }
            for ordinal, one in enumerate(newcomers, start=1)
        ],
    }
    return bundle | {"digest": digest(bundle)}


def chain_head(steps: Sequence[AllocationStep]) -> bytes:
    """Return the head of the chain over a study's allocations: it fixes who came, in which order, with which number."""
    head = START_OF_CHAIN
    for step in steps:
        head = chain_link(head, [step.participant, step.number, step.list_id, step.stratum, step.at])
    return head


def study_bundle(
    study: str,
    lists: Sequence[Mapping[str, object]],
    steps: Sequence[AllocationStep],
    mirrored: Sequence[Mirrored] = (),
) -> dict[str, object]:
    """Return the one file of a whole study: the bundle of each list and course, and the chain of all allocations."""
    bundle: dict[str, object] = {
        "format": STUDY_FORMAT,
        "study": study,
        "lists": [dict(one) for one in lists],
        "allocations": [
            {
                "participant": step.participant,
                "number": step.number,
                "list": step.list_id,
                "stratum": step.stratum,
                "at": step.at,
            }
            for step in steps
        ],
        "mirrored": [
            {"participant": one.participant, "number": one.number, "replaced": one.replaced} for one in mirrored
        ],
        "chain": chain_head(steps).hex(),
    }
    return bundle | {"digest": digest(bundle)}
