"""Making a list at the vault: a draft with its settings, then the list itself, sealed slot by slot and committed to.

A draft holds settings only; nothing is drawn. A list is drawn here, comes from the offline command (`taking_in`), or is
uploaded. From the moment it is generated nobody reads it: the seed and every slot are sealed to the vault's key.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from sessions.allocation.models import ListSlot, RandomizationList, Stratum
from sessions.allocation.policies import paper_strata_of, sequences_of, strata_of
from sessions.allocation.sealing import seal
from sessions.allocation.services import seed_info, slot_info
from sessions.randomization import GeneratedList, Generator, ListTerms, Method, generate_list, root_to_publish
from sessions.randomization.minimization import scheme_of
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState, NotFound
from studyportal.studies.models import Study

State, Commits = RandomizationList.State, RandomizationList.Commits
SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """How a list is to be made; `slots_per_stratum` is 0 where the method has no list in advance."""

    method: Method
    parameters: Mapping[str, object]
    slots_per_stratum: int
    generator: Generator = Generator.HMAC_DRBG


@transaction.atomic
def draft_list(*, study: Study, settings: Settings, by: User) -> RandomizationList:
    """Keep the settings of a list to be made, the next one of the study; nothing is drawn.

    Raises:
        NotPermitted: the person may not make lists.
        InvalidInput: the settings are impossible; the message says why.
    """
    check(by, Permission.LIST_GENERATE, study)
    _try(study, settings)
    made = RandomizationList(
        study=study, position=_next_position(study), drafted_by=by, drafted_at=clock.now(), **_stored(settings)
    )
    made.save()
    events.record("list drafted", study=study.code, target=made.name)
    return made


@transaction.atomic
def change_draft(*, list_id: UUID, settings: Settings, by: User) -> RandomizationList:
    """Exchange the settings of a draft.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not make lists.
        InvalidInput: the settings are impossible.
        InvalidState: the list is generated already.
    """
    made = locked_draft(list_id, by)
    if settings.method is Method.UPLOADED_LIST:
        raise InvalidInput("A list of your own is taken in at once: close this draft and make a new list.")
    _try(made.study, settings)
    stored = _stored(settings)
    for name, value in stored.items():
        setattr(made, name, value)
    made.save(update_fields=list(stored))
    events.record("draft of a list changed", study=made.study.code, target=made.name)
    return made


@transaction.atomic
def generate(*, list_id: UUID, by: User) -> RandomizationList:
    """Generate a drafted list from fresh entropy of the operating system.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not make lists.
        InvalidInput: the settings do not fit the study's design as it is now.
        InvalidState: the list is generated already, or an earlier one comes first.
    """
    made = locked_draft(list_id, by)
    seed = secrets.token_bytes(SEED_BYTES)
    if made.method == Method.MINIMIZATION:
        return keep_seed(made, seed, by=by)
    terms = terms_of(made)
    drawn = _draw(terms, seed)
    while numbers_outside(made, drawn):
        seed = secrets.token_bytes(SEED_BYTES)
        drawn = _draw(terms, seed)
    return keep_list(made, terms, seed, drawn, how="at this door", by=by)


@transaction.atomic
def create_list(
    *, study: Study, method: str, parameters: Mapping[str, object], slots_per_stratum: int, by: User,
    generator: str = Generator.HMAC_DRBG,
) -> RandomizationList:  # fmt: skip
    """Draft a list and generate it at once.

    Raises:
        NotPermitted: the person may not make lists.
        InvalidInput: the design is impossible; the message says why.
        InvalidState: an earlier list of the study comes first.
    """
    settings = Settings(Method(method), parameters, slots_per_stratum, Generator(generator))
    return generate(list_id=draft_list(study=study, settings=settings, by=by).pk, by=by)


def keep_list(
    made: RandomizationList, terms: ListTerms, seed: bytes, drawn: GeneratedList, *, how: str, by: User
) -> RandomizationList:
    """Seal a list that was drawn for a locked draft, commit to it, and make the draft a generated list.

    Raises:
        InvalidInput: a number of it stands outside every list already, for a replacement.
    """
    if outside := numbers_outside(made, drawn):
        msg = f"The number {outside[0]} was given to a replacement already. Make the list once more."
        raise InvalidInput(msg)
    heads = {key: Stratum(list=made, key=key) for key in terms.strata}
    Stratum.objects.bulk_create(heads.values())
    ListSlot.objects.bulk_create(
        ListSlot(
            stratum=heads[slot.stratum], ordinal=slot.ordinal, number=slot.number,
            sealed=seal(
                slot.nonce + slot.sequence.encode(), slot_info(made.pk, slot.stratum, slot.ordinal, slot.number)
            ),
        )
        for slot in drawn.slots
    )  # fmt: skip
    made.sequences = list(terms.sequences)
    return _generated(made, seed, root_to_publish(terms, seed, drawn.slots).hex(), how=how, by=by)


def keep_seed(made: RandomizationList, seed: bytes, *, by: User) -> RandomizationList:
    """Seal the seed of minimization, commit to it and to the settings: all that can be before anybody comes."""
    terms = terms_of(made)
    made.sequences = list(terms.sequences)
    return _generated(made, seed, root_to_publish(terms, seed, ()).hex(), how="at this door", by=by)


def terms_of(made: RandomizationList) -> ListTerms:
    """Return how a list is made: of a draft by the study's design as it is now, later as it was then."""
    is_draft, method = made.state == State.DRAFT, Method(made.method)
    kept = [] if is_draft else sorted(made.strata.values_list("key", flat=True))
    # Minimization draws in one course: whatever places its participants fill, its terms name no stratum.
    strata = [] if method is Method.MINIMIZATION else kept or _strata_to_make(made.study, method)
    return ListTerms(
        study=made.study.code,
        list_id=str(made.pk),
        method=method,
        parameters=made.parameters,
        sequences=sequences_of(made.study) if is_draft else made.sequences,
        strata=strata,
        slots_per_stratum=made.slots_per_stratum,
        generator=Generator(made.generator),
        taken_numbers=taken_numbers(made),
    )


def numbers_outside(made: RandomizationList, drawn: GeneratedList) -> list[str]:
    """Return which numbers of a drawn list stand at slots outside every list (`replacement.py`)."""
    found = ListSlot.objects.filter(stratum__list__study=made.study, stratum__list__position=0)
    return sorted(found.filter(number__in=[slot.number for slot in drawn.slots]).values_list("number", flat=True))


def taken_numbers(made: RandomizationList) -> list[str]:
    """Return the numbers of the study's earlier lists, which this one keeps clear of; sorted."""
    if made.commits_to == Commits.SLOTS:
        return []  # the first version drew every list by itself
    # Not those of slots outside every list: more of them come later, and the terms of a list are fixed.
    earlier = ListSlot.objects.filter(
        stratum__list__study=made.study, stratum__list__position__gt=0, stratum__list__position__lt=made.position
    )
    return sorted(earlier.values_list("number", flat=True))


def locked_draft(list_id: UUID, by: User) -> RandomizationList:
    """Lock a draft and its study's design.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not make lists.
        InvalidState: the list is generated already, or an earlier one comes first.
    """
    made = RandomizationList.objects.select_for_update().filter(pk=list_id).first()
    if made is None:
        raise NotFound("There is no such list.")
    check(by, Permission.LIST_GENERATE, made.study)
    if made.state != State.DRAFT:
        raise InvalidState("This list is no draft any more. Its settings stay as they were committed.")
    Study.objects.select_for_update().get(pk=made.study_id)
    earlier = RandomizationList.objects.filter(study=made.study, position__lt=made.position)
    waiting = earlier.filter(state=State.DRAFT).first()
    if waiting is not None:
        msg = f"{waiting.name} is still a draft and comes first. Generate or close it before this one."
        raise InvalidState(msg)
    running = earlier.filter(method=Method.MINIMIZATION).exclude(state=State.CLOSED).first()
    if running is not None:
        msg = f"{running.name} is minimization and never ends. Close it before another list is made."
        raise InvalidState(msg)
    return made


def _draw(terms: ListTerms, seed: bytes) -> GeneratedList:
    try:
        return generate_list(
            method=terms.method, parameters=terms.parameters, sequences=terms.sequences, strata=terms.strata,
            slots_per_stratum=terms.slots_per_stratum, seed=seed, generator=terms.generator,
            taken_numbers=terms.taken_numbers,
        )  # fmt: skip
    except ValueError as error:
        raise _impossible(error) from None


def _generated(made: RandomizationList, seed: bytes, root: str, *, how: str, by: User) -> RandomizationList:
    made.state, made.generated_by, made.generated_at = State.GENERATED, by, clock.now()
    made.commitment_root, made.sealed_seed = root, seal(seed, seed_info(made.pk))
    made.save(
        update_fields=[
            "state", "generated_by", "generated_at", "commitment_root", "sealed_seed", "sequences", "commits_to",
        ]
    )  # fmt: skip
    events.record("list generated", study=made.study.code, target=made.name, data={"root": root, "how": how})
    return made


def _strata_to_make(study: Study, method: Method) -> list[str]:
    """Return the strata of a list; beside each, one for emergency sheets, which an uploaded list does not bring."""
    on_paper = [] if method is Method.UPLOADED_LIST else paper_strata_of(study)
    return sorted([*strata_of(study), *on_paper])


def _stored(settings: Settings) -> dict[str, object]:
    return {
        "method": settings.method.value,
        "parameters": dict(settings.parameters),
        "generator": settings.generator.value,
        "slots_per_stratum": settings.slots_per_stratum,
    }


def _next_position(study: Study) -> int:
    Study.objects.select_for_update().get(pk=study.pk)  # one draft at a time
    last = RandomizationList.objects.filter(study=study).aggregate(last=Max("position"))["last"]
    return (last or 0) + 1


def _try(study: Study, settings: Settings) -> None:
    """Draw a throw-away list with these settings, so that an impossible draft is refused while it is typed."""
    try:
        if settings.method is Method.MINIMIZATION:
            scheme_of(settings.parameters, sequences_of(study))
        elif settings.method.is_drawn_from_seed:
            generate_list(
                method=settings.method, parameters=settings.parameters, sequences=sequences_of(study),
                strata=strata_of(study)[:1], slots_per_stratum=min(settings.slots_per_stratum, 1),
                seed=bytes(SEED_BYTES), generator=settings.generator,
            )  # fmt: skip
    except ValueError as error:
        raise _impossible(error) from None


def _impossible(error: ValueError) -> InvalidInput:
    return InvalidInput(f"This list cannot be made: {error}.")
