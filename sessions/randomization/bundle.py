"""What is handed out after the reveal: the whole list with its seed, or the proof of one slot.

`verify.py` checks both without any of this package. The form is described in `docs/explanation/randomization.md`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessions.randomization.commitment import canonical, header_leaf, merkle_proof, merkle_root, seed_commitment
from sessions.randomization.generate import GeneratedList, Slot
from sessions.randomization.generators import Generator
from sessions.randomization.methods import Method

BUNDLE_FORMAT = "studyportal-randomization-bundle/1"
PROOF_FORMAT = "studyportal-slot-proof/1"


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
    """Return the root over the header and the slots: the commitment to publish for a new list."""
    return merkle_root([header_leaf(terms.header(seed)), *(slot.leaf for slot in slots)])


def reveal_bundle(
    terms: ListTerms,
    seed: bytes,
    made: GeneratedList,
    allocations: Sequence[AllocatedNumber],
    *,
    commits_to: str = "list",
) -> dict[str, object]:
    """Return the bundle that anybody can verify, for `json.dumps`; it gives away the whole list.

    Parameters
    ----------
    commits_to
        "list" where `whole_root` was published; "slots" for lists whose commitment covers the slots only.

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
    root = whole_root(terms, seed, made.slots) if commits_to == "list" else made.root
    bundle: dict[str, object] = {
        "format": BUNDLE_FORMAT,
        "header": terms.header(seed),
        "commits_to": commits_to,
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


def slot_proof(terms: ListTerms, seed: bytes, made: GeneratedList, number: str) -> dict[str, object]:
    """Return the proof of one slot under `whole_root`; it says nothing of any other slot.

    Raises
    ------
    ValueError
        The number is not of this list.
    """
    place = next((at for at, slot in enumerate(made.slots, start=1) if slot.number == number), None)
    if place is None:
        msg = f"the number {number} is not of this list"
        raise ValueError(msg)
    leaves = [header_leaf(terms.header(seed)), *(slot.leaf for slot in made.slots)]
    proof: dict[str, object] = {
        "format": PROOF_FORMAT,
        "study": terms.study,
        "list": terms.list_id,
        "root": merkle_root(leaves).hex(),
        "count": len(leaves),
        "position": place,
        "slot": _written(made.slots[place - 1]),
        "path": [sibling.hex() for sibling, _ in merkle_proof(leaves, place).path],
    }
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
