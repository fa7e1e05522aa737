"""A list with all that is secret in it, opened in the vault's memory: for proofs and for the full reveal."""

from dataclasses import dataclass

from sessions.allocation.models import Allocation, ListSlot, RandomizationList
from sessions.allocation.policies import sequences_of
from sessions.allocation.sealing import unseal
from sessions.allocation.services import open_slot, seed_info
from sessions.randomization import CommitsTo, GeneratedList, ListTerms, Method, Slot, kind_of_root, merkle_root
from studyportal.errors import BlindingViolation


@dataclass(frozen=True, slots=True)
class OpenedList:
    """How a list was made, its seed, its slots, and what its published root covers."""

    terms: ListTerms
    seed: bytes
    made: GeneratedList
    commits_to: CommitsTo

    @property
    def is_course(self) -> bool:
        """Whether this is a minimization, which has no slots before somebody comes."""
        return self.terms.method is Method.MINIMIZATION


def open_list(made: RandomizationList) -> OpenedList:
    """Open a list at the vault. The caller has announced it in the trail.

    Raises:
        BlindingViolation: this process is not the vault, or list, seed or root was altered.
    """
    seed = unseal(bytes(made.sealed_seed), seed_info(made.pk))
    found = ListSlot.objects.filter(stratum__list=made).select_related("stratum").order_by("stratum__key", "ordinal")
    slots = tuple(open_slot(slot) for slot in found)
    covered = () if made.method == Method.MINIMIZATION else slots  # a course is not there when it is committed to
    terms = terms_of(made, covered)
    kind = kind_of_root(terms, seed, covered, bytes.fromhex(made.commitment_root))
    if kind is None:
        raise BlindingViolation("The list does not give its commitment root: it was altered. Tell the trial office.")
    root = merkle_root([slot.leaf for slot in slots]) if slots else b""
    return OpenedList(terms, seed, GeneratedList(slots, root), kind)


def terms_of(made: RandomizationList, slots: tuple[Slot, ...]) -> ListTerms:
    """Return how a list was made, as the first leaf of its root covers it."""
    strata = sorted({slot.stratum for slot in slots})
    return ListTerms(
        study=made.study.code, list_id=str(made.pk), method=Method(made.method), parameters=made.parameters,
        sequences=sequences_of(made.study), strata=strata,
        slots_per_stratum=len(slots) // len(strata) if strata else 0,
    )  # fmt: skip


def allocations_of(made: RandomizationList) -> list[Allocation]:
    """Return a list's allocations in the order in which they were made."""
    return list(
        Allocation.objects.filter(slot__stratum__list=made)
        .select_related("participant", "slot__stratum")
        .order_by("allocated_at", "slot__ordinal")
    )
