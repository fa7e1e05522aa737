"""Kit numbers as people type and scanners read them, and what each wrong one is told."""

import re
from collections.abc import Collection, Mapping, Sequence

from sessions.allocation.kit_ledger import State
from sessions.allocation.kit_models import Kit
from sessions.allocation.kit_signing import latest, state_of
from sessions.randomization import is_kit_number
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with
from studyportal.errors import InvalidInput, NotFound
from studyportal.studies.models import Study

NO_SUCH_KIT = "There is no such kit: check the digits. A kit number looks like K-12345-6."
NOT_USABLE: Mapping[State, str] = {
    State.IN_TRANSIT: "{number} has not been received here yet. Receive its shipment first.",
    State.QUARANTINED: "{number} is in quarantine. It cannot be dispensed until two people release it.",
    State.DISPENSED: "{number} was dispensed already.",
    State.RETURNED: "{number} was dispensed and has come back. A returned kit is not dispensed again.",
    State.BROKEN: "{number} is on record as broken. It cannot be dispensed.",
    State.RECALLED: "{number} belongs to a recalled lot. Put it aside; it cannot be dispensed.",
    State.MISSING: "{number} is on record as missing. Record first that it was found.",
    State.DESTROYED: "{number} is on record as destroyed. Tell the depot that it is in your hand.",
}


def written(text: str) -> str:
    """Return a typed or scanned number in the form `K-12345-6`; what is none comes back as it was typed."""
    digits = re.sub(r"[\s-]", "", text.strip().upper()).removeprefix("K")
    if digits.isascii() and digits.isdigit() and len(digits) > 1:
        return f"K-{digits[:-1]}-{digits[-1]}"
    return text.strip()


def numbers_in(text: str) -> list[str]:
    """Return the numbers of a text: one on a line, or with commas between them."""
    return [written(part) for part in re.split(r"[\n,;]+", text) if part.strip()]


def listed(text: str, known: Collection[str], field: str) -> set[str]:
    """Return the numbers typed into a field, each of which must be in `known`.

    Raises:
        InvalidInput: naming the number that is not.
    """
    numbers = numbers_in(text)
    for number in numbers:
        if number not in known:
            msg = f"{number} is not in this shipment. Check the digits."
            raise InvalidInput(msg, fields={field: msg})
    return set(numbers)


def kits_named(study: Study, numbers: Sequence[str], *, permission: Permission, by: User) -> list[Kit]:
    """Return the kits of these numbers at the sites where the person holds `permission`, in the order of numbers.

    Raises:
        InvalidInput: no number is given, or one has a wrong check digit.
        NotFound: a number is no kit of these sites.
    """
    if not numbers:
        raise InvalidInput("Name a kit.", fields={"numbers": "Scan or enter at least one kit number."})
    for number in numbers:
        if not is_kit_number(number):
            raise InvalidInput(NO_SUCH_KIT, fields={"numbers": f"{number}: {NO_SUCH_KIT}"})
    sites = sites_with(by, permission, study)
    found = Kit.objects.select_related("shipment__site", "study").filter(
        study=study, number__in=numbers, shipment__site__in=sites
    )
    kits = list(latest(found).order_by("number"))
    if len(kits) < len(set(numbers)):
        absent = min(set(numbers) - {kit.number for kit in kits})
        msg = f"{absent} is no kit of your site."
        raise NotFound(msg)
    return kits


def check_scanned(text: str, *, picked: Kit, study: Study) -> None:
    """Compare what was scanned with the kit that was picked; each mistake has its own sentence.

    Raises:
        InvalidInput: beside the field `scanned`.
    """
    number = written(text)
    if number == picked.number:
        if picked.shipment.expires_on < clock.now().date():
            _refuse(f"{number} has expired. Put it aside; it cannot be dispensed.")
        return
    if not is_kit_number(number):
        _refuse(NO_SUCH_KIT)
    kit = latest(Kit.objects.select_related("shipment__site").filter(study=study, number=number)).first()
    if kit is None:
        _refuse(f"{number} is no kit of this study. Check where it comes from.")
    elif kit.shipment.site_id != picked.shipment.site_id:
        _refuse(f"{number} belongs to another site. Put it aside and tell the depot.")
    elif (state := state_of(kit)) in NOT_USABLE:
        _refuse(NOT_USABLE[state].format(number=number))
    elif kit.shipment.expires_on < clock.now().date():
        _refuse(f"{number} has expired. Put it aside; it cannot be dispensed.")
    _refuse(f"{number} is not the kit that was picked. Put it back and fetch {picked.number}.")


def _refuse(words: str) -> None:
    raise InvalidInput(words, fields={"scanned": words})
