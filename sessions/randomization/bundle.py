"""What is handed out after the reveal: the whole list with its seed, or the proof of one slot.

`verify.py` checks both without any of this package. The form is described in `docs/explanation/randomization.md`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sessions.randomization.commitment import (
    binding,
    bound_root,
    canonical,
    header_leaf,
    hidden_leaves,
    merkle_proof,
    merkle_root,
    seed_commitment,
    terms_digest,
)
from sessions.randomization.generate import GeneratedList, Slot
from sessions.randomization.generators import Generator
from sessions.randomization.methods import Method

BUNDLE_FORMAT = "studyportal-randomization-bundle/1"
PROOF_FORMAT = "studyportal-slot-proof/1"
BOUND_PROOF_FORMAT = "studyportal-slot-proof/2"


class CommitsTo(StrEnum):
    """What a published root covers.

    SLOTS the slots alone (the portal's first lists); LIST a header leaf and the slots; BOUND study, list, terms and the
    slots among dummies (new lists); SEED the hash of the seed and nothing else (minimization only).
    """

    SLOTS = "slots"
    LIST = "list"
    BOUND = "bound"
    SEED = "seed"


@dataclass(frozen=True, slots=True)
class ListTerms:
    """How a list was made: all that is committed beside its slots.

    Attributes
    ----------
    slots_per_stratum
        Length in every stratum; 0 for an uploaded list, whose strata may differ.
    taken_numbers
        Randomization numbers of the study's earlier lists.
    """

    study: str
    list_id: str
    method: Method
    parameters: Mapping[str, object]
    sequences: Sequence[str]
    strata: Sequence[str]
    slots_per_stratum: int
    generator: Generator = Generator.HMAC_DRBG
    taken_numbers: Sequence[str] = ()

    def header(self, seed: bytes) -> dict[str, object]:
        """Return what the first leaf commits to; the seed only by its hash."""
        return {
            "study": self.study,
            "list": self.list_id,
            "generator": self.generator.value,
            "method": self.method.value,
            "parameters": dict(self.parameters),
            "sequences": list(self.sequences),
            "strata": list(self.strata),
            "slots_per_stratum": self.slots_per_stratum,
            "taken_numbers": sorted(self.taken_numbers),
            "seed_sha256": seed_commitment(seed).hex(),
        }


@dataclass(frozen=True, slots=True)
class AllocatedNumber:
    """Who got which place of the list, in the order of allocation."""

    participant: str
    number: str


def whole_root(terms: ListTerms, seed: bytes, slots: Sequence[Slot]) -> bytes:
    """Return the root over the header and the slots, in their order."""
    return merkle_root([header_leaf(terms.header(seed)), *(slot.leaf for slot in slots)])


def root_to_publish(terms: ListTerms, seed: bytes, slots: Sequence[Slot]) -> bytes:
    """Return the root of a new list. Minimization has no slots: its root covers study, list, terms and seed."""
    return root_of(terms, seed, slots, CommitsTo.BOUND)


def root_of(terms: ListTerms, seed: bytes, slots: Sequence[Slot], commits_to: CommitsTo) -> bytes:
    """Return the root of one kind over a list, or over what can be committed of a minimization before its course."""
    if commits_to is CommitsTo.SEED:
        return seed_commitment(seed)
    if commits_to is CommitsTo.SLOTS:
        return merkle_root([slot.leaf for slot in slots])
    if commits_to is CommitsTo.LIST:
        return whole_root(terms, seed, slots)
    bound = _binding(terms, seed)
    return bound_root(bound, merkle_root(hidden_leaves([slot.leaf for slot in slots], seed))) if slots else bound


def kind_of_root(terms: ListTerms, seed: bytes, slots: Sequence[Slot], root: bytes) -> CommitsTo | None:
    """Return what a stored root covers; None when it is no root of this list: list, seed or root was altered."""
    fitting = (CommitsTo.BOUND, CommitsTo.LIST, CommitsTo.SLOTS if slots else CommitsTo.SEED)
    return next((kind for kind in fitting if root_of(terms, seed, slots, kind) == root), None)


def _binding(terms: ListTerms, seed: bytes) -> bytes:
    return binding(terms.study, terms.list_id, terms_digest(terms.header(seed)))


def reveal_bundle(
    terms: ListTerms,
    seed: bytes,
    made: GeneratedList,
    allocations: Sequence[AllocatedNumber],
    *,
    commits_to: CommitsTo | str = CommitsTo.LIST,
) -> dict[str, object]:
    """Return the bundle that anybody can verify, for `json.dumps`; it gives away the whole list.

    Parameters
    ----------
    commits_to
        What the published root covers.

    Raises
    ------
    ValueError
        An allocated number is not of this list.
    """
    by_number = {slot.number: slot for slot in made.slots}
    unknown = [one.number for one in allocations if one.number not in by_number]
    if unknown:
        msg = f"the number {unknown[0]} is not of this list"
        raise ValueError(msg)
    root = root_of(terms, seed, made.slots, CommitsTo(commits_to))
    bundle: dict[str, object] = {
        "format": BUNDLE_FORMAT,
        "header": terms.header(seed),
        "commits_to": str(commits_to),
        "root": root.hex(),
        "seed": seed.hex(),
        "slots": [_written(slot) for slot in made.slots],
        "allocations": [
            {
                "participant": one.participant,
                "number": one.number,
                "stratum": by_number[one.number].stratum,
                "ordinal": by_number[one.number].ordinal,
                "sequence": by_number[one.number].sequence,
            }
            for one in allocations
        ],
    }
    return bundle | {"digest": digest(bundle)}


def slot_proof(
    terms: ListTerms, seed: bytes, made: GeneratedList, number: str, *, commits_to: CommitsTo | str = CommitsTo.LIST
) -> dict[str, object]:
    """Return the proof of one slot; it says nothing of any other slot, and of a bound list neither place nor length.

    Raises
    ------
    ValueError
        The number is not of this list.
    """
    slot = next((slot for slot in made.slots if slot.number == number), None)
    if slot is None:
        msg = f"the number {number} is not of this list"
        raise ValueError(msg)
    leaves = [one.leaf for one in made.slots]
    if commits_to == CommitsTo.BOUND:
        leaves = hidden_leaves(leaves, seed)
    elif commits_to == CommitsTo.LIST:
        leaves = [header_leaf(terms.header(seed)), *leaves]
    place = leaves.index(slot.leaf)
    proof: dict[str, object] = {
        "format": PROOF_FORMAT,
        "study": terms.study,
        "list": terms.list_id,
        "root": root_of(terms, seed, made.slots, CommitsTo(commits_to)).hex(),
        "count": len(leaves),
        "position": place,
        "slot": _written(slot),
        "path": [sibling.hex() for sibling, _ in merkle_proof(leaves, place).path],
    }
    if commits_to == CommitsTo.BOUND:
        proof |= {"format": BOUND_PROOF_FORMAT, "terms_sha256": terms_digest(terms.header(seed)).hex()}
    return proof | {"digest": digest(proof)}


def digest(document: Mapping[str, object]) -> str:
    """Return the SHA-256 of a document without its digest, over its canonical JSON."""
    return hashlib.sha256(canonical({name: document[name] for name in document if name != "digest"})).hexdigest()


def _written(slot: Slot) -> dict[str, object]:
    return {
        "stratum": slot.stratum,
        "ordinal": slot.ordinal,
        "number": slot.number,
        "sequence": slot.sequence,
        "nonce": slot.nonce.hex(),
    }
