"""The checks of a generated list at the vault, and the approval that rests on them."""

from dataclasses import dataclass

from django.db import transaction

from sessions.allocation.models import ListSlot, RandomizationList
from sessions.allocation.policies import sequences_of
from sessions.allocation.sealing import unseal
from sessions.allocation.selectors import fill_of
from sessions.allocation.services import approve_list, open_slot, seed_info
from sessions.randomization import Acceptance, Method, StratumFacts, accept
from sessions.randomization.comparison import Scheme, in_words, scheme
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, check
from studyportal.audit import events
from studyportal.errors import InvalidState


@dataclass(frozen=True, slots=True)
class ListSettings:
    """What only those who make lists see: the settings, the counts, and how many slots each stratum has left."""

    words: str
    scheme: Scheme | None
    allocations: int
    codes: tuple[str, ...]
    strata: tuple[tuple[StratumFacts, tuple[int, ...], int], ...]


def examine(made: RandomizationList, *, by: User) -> Acceptance:
    """Open a list in memory and return its facts: counts and verdicts, no slot's sequence.

    The examination is committed to the trail before the first slot is opened.

    Raises:
        NotPermitted: the person may not see lists.
        BlindingViolation: this process is not the vault, or a slot was altered or moved.
    """
    check(by, Permission.LIST_VIEW, made.study)
    events.record_now("list examined", study=made.study.code, target=f"list {made.commitment_root[:8]}")
    slots = ListSlot.objects.filter(stratum__list=made).select_related("stratum")
    strata = sorted({slot.stratum.key for slot in slots})
    return accept(
        [open_slot(slot) for slot in slots],
        method=Method(made.method),
        parameters=made.parameters,
        sequences=sequences_of(made.study),
        strata=strata,
        seed=unseal(bytes(made.sealed_seed), seed_info(made.pk)),
        root=bytes.fromhex(made.commitment_root),
    )


@transaction.atomic
def sign_approval(*, made: RandomizationList, password: str, by: User) -> RandomizationList:
    """Approve a list with one's password, after it has passed its checks once more.

    Raises:
        InvalidInput: the password does not match.
        InvalidState: the list fails a check, waits for no approval, or was made by the same person.
    """
    signatures.check_password(by, password)
    if not examine(made, by=by).passes:
        raise InvalidState("This list fails a check and cannot be approved. Close it and make another.")
    approved = approve_list(list_id=made.pk, by=by)
    # The signature stands where the blinded side can read it, so it names the list and nothing that depends on it.
    signatures.sign(
        by=by, meaning="Approved the randomization list", record_label="allocation.RandomizationList",
        record_id=made.pk, content={"list": str(made.pk)}, time_zone="UTC",
    )  # fmt: skip
    return approved


def settings_of(made: RandomizationList, facts: Acceptance, *, by: User) -> ListSettings | None:
    """Return the settings of a list of `lists_for`; None for those who make no lists, as block sizes help a guesser."""
    if not can(by, Permission.LIST_GENERATE, made.study):
        return None
    method, left = Method(made.method), {fill.key: fill.left for fill in fill_of(made)}
    codes = tuple(facts.strata[0].counts)
    allocations = max(one.slots for one in facts.strata)
    return ListSettings(
        words=in_words(method, made.parameters),
        scheme=scheme(method, made.parameters, allocations) if len(codes) == 2 else None,
        allocations=allocations,
        codes=codes,
        strata=tuple((one, tuple(one.counts[code] for code in codes), left[one.stratum]) for one in facts.strata),
    )
