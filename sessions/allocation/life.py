"""The states of a list after it is generated, each with who and when: one step forward at a time, or closed.

The database refuses a step that is skipped, gone back to, or signed by the wrong person (migration 0003); what is here
says so in sentences first.
"""

from uuid import UUID

from django.db import transaction

from sessions.allocation.models import RandomizationList
from sessions.allocation.publication import write_commitment
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState, NotFound

State = RandomizationList.State


@transaction.atomic
def record_acceptance(*, list_id: UUID, sealed_report: bytes, by: User) -> RandomizationList:
    """Keep the acceptance report that the unblinded statistician signed. The caller has examined the list.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not make lists.
        InvalidState: the list does not wait for its acceptance.
    """
    made = _locked(list_id, Permission.LIST_GENERATE, by)
    _check_waits(made, State.GENERATED, "This list is not waiting for its acceptance report.")
    made.sealed_report = sealed_report
    return _moved(made, State.ACCEPTED, "accepted", "list accepted", by, "sealed_report")


@transaction.atomic
def record_approval(*, list_id: UUID, by: User) -> RandomizationList:
    """Approve an accepted list, by another person than those who made and accepted it.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not approve lists.
        InvalidState: the list does not wait for approval, or the person made or accepted it.
    """
    made = _locked(list_id, Permission.LIST_APPROVE, by)
    _check_waits(made, State.ACCEPTED, "This list is not waiting for approval.")
    if by.pk in {made.drafted_by_id, made.generated_by_id}:
        raise InvalidState("A second person must approve the list; you made it.")
    if by.pk == made.accepted_by_id:
        raise InvalidState("A second person must approve the list; you signed its acceptance report.")
    return _moved(made, State.APPROVED, "approved", "list approved", by)


@transaction.atomic
def publish(*, list_id: UUID, password: str, by: User) -> RandomizationList:
    """Publish the commitment of an approved list with one's password: everybody may see its root, and nothing else.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not approve lists.
        InvalidInput: the password does not match.
        InvalidState: the list is not approved, or its commitment is published.
    """
    made = _locked(list_id, Permission.LIST_APPROVE, by)
    signatures.check_password(by, password)
    _check_waits(made, State.APPROVED, "The commitment is published once, after the approval.")
    write_commitment(made, by=by)
    return _moved(made, State.PUBLISHED, "published", "list commitment published", by)


@transaction.atomic
def activate(*, list_id: UUID, by: User) -> RandomizationList:
    """Open a list for allocation; one that extends an earlier list is used where that one is exhausted.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not approve lists.
        InvalidState: the commitment is not published, or an earlier list comes first.
    """
    made = _locked(list_id, Permission.LIST_APPROVE, by)
    _check_waits(made, State.PUBLISHED, "Only a list whose commitment is published can be opened.")
    earlier = RandomizationList.objects.filter(study=made.study, position__lt=made.position)
    waiting = earlier.exclude(state__in=(State.ACTIVE, State.CLOSED)).first()
    if waiting is not None:
        msg = f"{waiting.name} comes first and is not open yet. Open or close it before this one."
        raise InvalidState(msg)
    return _moved(made, State.ACTIVE, "activated", "list opened for allocation", by)


@transaction.atomic
def close_list(*, list_id: UUID, reason: str, password: str, by: User) -> RandomizationList:
    """Close a list for good, in whatever state it is: nothing is allocated from it any more; allocations stay.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not approve lists, so may not close one either.
        InvalidInput: the password or the reason is missing.
        InvalidState: the list is closed already.
    """
    made = _locked(list_id, Permission.LIST_APPROVE, by)
    if not reason.strip():
        raise InvalidInput("Give the reason.", fields={"reason": "Say why no more is to be allocated from this list."})
    signatures.check_password(by, password)
    if made.state == State.CLOSED:
        raise InvalidState("This list is closed already.")
    made.closed_reason = reason.strip()
    return _moved(made, State.CLOSED, "closed", "list closed", by, "closed_reason", reason=made.closed_reason)


def _locked(list_id: UUID, permission: Permission, by: User) -> RandomizationList:
    made = RandomizationList.objects.select_for_update().filter(pk=list_id).first()
    if made is None:
        raise NotFound("There is no such list.")
    check(by, permission, made.study)
    return made


def _check_waits(made: RandomizationList, state: str, otherwise: str) -> None:
    if made.state != state:
        raise InvalidState(otherwise)


def _moved(
    made: RandomizationList, state: str, step: str, event: str, by: User, *more: str, **data: object
) -> RandomizationList:
    made.state = state
    setattr(made, f"{step}_by", by)
    setattr(made, f"{step}_at", clock.now())
    made.save(update_fields=["state", f"{step}_by", f"{step}_at", *more])
    told = {"root": made.commitment_root} | data if made.commitment_root else data
    events.record(event, study=made.study.code, target=made.name, data=told)
    return made
