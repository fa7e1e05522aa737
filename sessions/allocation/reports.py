"""What those who make lists read of one: its settings and counts, and the signed acceptance report as PDF."""

from dataclasses import dataclass

from sessions.allocation.examination import Examined, report_info
from sessions.allocation.models import RandomizationList
from sessions.allocation.sealed_documents import unseal_document
from sessions.allocation.selectors import fill_of
from sessions.randomization import Method, StratumFacts
from sessions.randomization.comparison import Scheme, in_words, scheme
from sessions.randomization.methods import ratio_of
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, check
from studyportal.audit import events
from studyportal.documents import render_pdf
from studyportal.errors import NotFound

TEMPLATE = "sessions/templates/allocation/acceptance.typ"


@dataclass(frozen=True, slots=True)
class ListSettings:
    """What only those who make lists see: the settings, the counts, and how many slots each stratum has left."""

    words: str
    scheme: Scheme | None
    allocations: int
    codes: tuple[str, ...]
    strata: tuple[tuple[StratumFacts, tuple[int, ...], int], ...]


def settings_of(made: RandomizationList, facts: Examined | None, *, by: User) -> ListSettings | None:
    """Return the settings of a list of `lists_for`; None for those who make no lists, as block sizes help a guesser."""
    if not can(by, Permission.LIST_GENERATE, made.study):
        return None
    method, left = Method(made.method), {fill.key: fill.left for fill in fill_of(made)}
    strata = facts.strata if facts else ()
    allocations = max((one.slots for one in strata), default=made.slots_per_stratum)
    has_share = method.is_drawn_from_seed and len(set(ratio_of(made.parameters))) < 2
    return ListSettings(
        words=in_words(method, made.parameters),
        scheme=scheme(method, made.parameters, allocations) if has_share and len(made.sequences) == 2 else None,
        allocations=allocations,
        codes=tuple(made.sequences),
        strata=tuple((one, tuple(one.counts[code] for code in made.sequences), left[one.stratum]) for one in strata),
    )


def acceptance_pdf(made: RandomizationList, *, by: User) -> bytes:
    """Return the acceptance report as it was signed; that it is opened is committed to the trail first.

    Raises:
        NotPermitted: the person may not make lists, whose settings and counts are in the report.
        NotFound: the report is not signed.
        BlindingViolation: this process is not the vault, or the report was altered.
    """
    check(by, Permission.LIST_GENERATE, made.study)
    if made.sealed_report is None or made.accepted_at is None:
        raise NotFound("This list has no signed acceptance report.")
    events.record_now("acceptance report opened", study=made.study.code, target=made.name)
    report = unseal_document(bytes(made.sealed_report), report_info(made))
    now = clock.now()
    data = report | {
        "synthetic": made.study.is_synthetic,
        "study_name": made.study.name,
        "approved": f"{made.approved_by}, {made.approved_at:%d %b %Y, %H:%M} UTC" if made.approved_at else "",
        "printed": f"Printed by {by.full_name}, {now.day} {now:%b %Y, %H:%M} UTC",
    }
    return render_pdf(TEMPLATE, data, at=made.accepted_at)
