"""What a kit holds: sealed to the vault's key, opened after the trail says so, and to whom it may be shown.

The table of blinding.md: a pharmacist sees what was dispensed at their own site, the unblinded statistician everything,
nobody else anything. The system itself opens more, to pick the right kit, and tells nobody.
"""

from uuid import UUID

from sessions.allocation.kit_ledger import Movement
from sessions.allocation.kit_models import Kit, KitMovement
from sessions.allocation.sealing import seal, unseal
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, check, sites_with
from studyportal.audit import events
from studyportal.errors import NotFound
from studyportal.studies.models import Study

OPENED = "kit contents opened"


def kit_info(shipment_id: UUID, number: str) -> str:
    """Return the text that binds a kit's sealed content to the kit and its shipment."""
    return f"kit|{shipment_id}|{number}"


def seal_content(treatment: str, *, shipment_id: UUID, number: str) -> bytes:
    """Seal a treatment's code as a kit's content."""
    return seal(treatment.encode(), kit_info(shipment_id, number))


def open_content(kit: Kit) -> str:
    """Return the treatment's code of a kit, at the vault. The caller has announced it in the trail.

    Raises:
        BlindingViolation: this process is not the vault, or the content was altered or moved to another kit.
    """
    return unseal(bytes(kit.sealed), kit_info(kit.shipment_id, kit.number)).decode()


def announce(study: Study, *, target: str, why: str) -> None:
    """Commit to the trail that contents are about to be opened."""
    events.record_now(OPENED, study=study.code, target=target, data={"reason": why})


def show_content(*, study: Study, number: str, password: str, by: User) -> str:
    """Return the name of the treatment in one kit to a person who may know it, with their password, trail first.

    Raises:
        NotPermitted: the person's role does not include contents.
        NotFound: no such kit at the person's sites, or one that was not dispensed and the person sees dispensed ones.
        InvalidInput: the password does not match.
    """
    check(by, Permission.KIT_CONTENT_VIEW, study)
    sites = sites_with(by, Permission.KIT_CONTENT_VIEW, study)
    kit = Kit.objects.select_related("shipment__site").filter(study=study, number=number, shipment__site__in=sites)
    found = kit.first()
    if found is None or not may_know(found, by):
        raise NotFound("The content of this kit is not yours to see: only what was dispensed at your own site is.")
    signatures.check_password(by, password)
    announce(study, target=found.number, why="shown to a person")
    return study.treatments.get(code=open_content(found)).name


def may_know(kit: Kit, viewer: User) -> bool:
    """Whether a person may see what a kit holds."""
    site = kit.shipment.site
    if can(viewer, Permission.KIT_SUPPLY_VIEW, kit.study):
        return True
    if not can(viewer, Permission.KIT_CONTENT_VIEW, kit.study, site):
        return False
    return KitMovement.objects.filter(kit=kit, kind=Movement.DISPENSED).exists()
