"""The checks of a generated list at the vault, and the two signatures that rest on them."""

from dataclasses import dataclass

from django.db import transaction

from sessions.allocation import life
from sessions.allocation.generation import terms_of
from sessions.allocation.models import Allocation, ListSlot, RandomizationList
from sessions.allocation.policies import expected_in
from sessions.allocation.sealed_documents import seal_document
from sessions.allocation.sealing import unseal
from sessions.allocation.services import open_slot, seed_info
from sessions.randomization import (
    CommitsTo,
    ListTerms,
    Method,
    Slot,
    StratumFacts,
    accept,
    acceptance_report,
    merkle_root,
    root_of,
    strata_warnings,
)
from sessions.randomization.comparison import in_words
from sessions.randomization.minimization import scheme_of
from sessions.randomization.report import RUN_SEED, Finding
from sessions.randomization.simulation import TrialPlan, simulate
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState
from studyportal.studies.models import Study

RUNS_OF_MINIMIZATION = 100


@dataclass(frozen=True, slots=True)
class Examined:
    """What the checks of a list found: verdicts with sentences, one simulated run, warnings; no slot's sequence."""

    words: str
    findings: tuple[Finding, ...]
    run: str
    warnings: tuple[str, ...]
    strata: tuple[StratumFacts, ...]

    @property
    def passes(self) -> bool:
        """Whether the list may be accepted."""
        return all(finding.passes for finding in self.findings)


def examine(made: RandomizationList, *, by: User) -> Examined:
    """Open a generated list in memory and return its facts: counts and verdicts, no slot's sequence.

    The examination is committed to the trail before the first slot is opened.

    Raises:
        NotPermitted: the person may not see lists.
        InvalidState: the list is a draft.
        BlindingViolation: this process is not the vault, or a slot was altered or moved.
    """
    check(by, Permission.LIST_VIEW, made.study)
    if made.sealed_seed is None:
        raise InvalidState("This list is a draft: nothing is drawn that could be examined.")
    events.record_now("list examined", study=made.study.code, target=made.name)
    seed = unseal(bytes(made.sealed_seed), seed_info(made.pk))
    terms = terms_of(made)
    if terms.method is Method.MINIMIZATION:
        return _examined_seed(made, terms, seed)
    slots = ListSlot.objects.filter(stratum__list=made).select_related("stratum")
    return _examined_list(made, terms, seed, [open_slot(slot) for slot in slots])


@transaction.atomic
def sign_acceptance(*, made: RandomizationList, password: str, by: User) -> RandomizationList:
    """Sign the acceptance report with one's password, after the list has passed its checks once more.

    Raises:
        NotPermitted: the person may not make lists.
        InvalidInput: the password does not match.
        InvalidState: the list fails a check, or does not wait for its acceptance.
    """
    check(by, Permission.LIST_GENERATE, made.study)
    signatures.check_password(by, password)
    examined = _passing(made, by)
    report = report_of(made, examined, signer=by.full_name)
    accepted = life.record_acceptance(
        list_id=made.pk, sealed_report=seal_document(report, report_info(made)), by=by
    )  # fmt: skip
    _sign(accepted, "Signed the acceptance report of the randomization list", by)
    return accepted


@transaction.atomic
def sign_approval(*, made: RandomizationList, password: str, by: User) -> RandomizationList:
    """Approve an accepted list with one's password, after it has passed its checks once more.

    Raises:
        NotPermitted: the person may not approve lists.
        InvalidInput: the password does not match.
        InvalidState: the list fails a check, waits for no approval, or was made or accepted by the same person.
    """
    check(by, Permission.LIST_APPROVE, made.study)
    signatures.check_password(by, password)
    _passing(made, by)
    approved = life.record_approval(list_id=made.pk, by=by)
    _sign(approved, "Approved the randomization list", by)
    return approved


def report_of(made: RandomizationList, examined: Examined, *, signer: str) -> dict[str, object]:
    """Return the acceptance report as it is signed, sealed and printed."""
    return {
        "study": made.study.code,
        "list": made.name,
        "root": made.commitment_root,
        "commits_to": made.get_commits_to_display(),
        "method": examined.words,
        "generator": made.generator,
        "sequences": list(made.sequences),
        "made": f"{made.generated_by}, {made.generated_at:%d %b %Y, %H:%M} UTC",
        "findings": [
            {"name": one.name, "passes": one.passes, "sentence": one.sentence} for one in examined.findings
        ],
        "strata": [
            [one.stratum, str(one.slots), *(str(count) for count in one.counts.values()), str(one.largest_imbalance)]
            for one in examined.strata
        ],
        "run": examined.run,
        "warnings": list(examined.warnings),
        "signed": f"{signer}, {clock.now():%d %b %Y, %H:%M} UTC",
    }  # fmt: skip


def report_info(made: RandomizationList) -> str:
    """Return the text that binds a sealed acceptance report to its list."""
    return f"{made.pk}|acceptance report"


def warnings_for(
    study: Study, method: Method, parameters: dict[str, object], slots_per_stratum: int
) -> tuple[str, ...]:
    """Return what the strata of a study make of these settings, in sentences that forbid nothing."""
    if method in {Method.UPLOADED_LIST, Method.MINIMIZATION}:
        return ()
    return tuple(
        strata_warnings(
            expected_in(study), method=method, parameters=parameters, slots_per_stratum=slots_per_stratum
        )
    )  # fmt: skip


def _passing(made: RandomizationList, by: User) -> Examined:
    examined = examine(made, by=by)
    if not examined.passes:
        raise InvalidState("This list fails a check and cannot be used. Close it and make another.")
    return examined


def _sign(made: RandomizationList, meaning: str, by: User) -> None:
    # The signature stands where the blinded side can read it, so it names the list and nothing that depends on it.
    signatures.sign(
        by=by, meaning=meaning, record_label="allocation.RandomizationList", record_id=made.pk,
        content={"list": str(made.pk)}, time_zone="UTC",
    )  # fmt: skip


def _examined_list(made: RandomizationList, terms: ListTerms, seed: bytes, slots: list[Slot]) -> Examined:
    ordered = sorted(slots, key=lambda slot: (terms.strata.index(slot.stratum), slot.ordinal))
    own = merkle_root([slot.leaf for slot in ordered])
    committed = root_of(terms, seed, ordered, CommitsTo(made.commits_to))
    facts = accept(
        ordered, method=terms.method, parameters=terms.parameters, sequences=terms.sequences, strata=terms.strata,
        seed=seed, generator=terms.generator, taken_numbers=terms.taken_numbers,
        # The facts compare the slots' own root; where more is committed to, that must be the published one.
        root=own if committed.hex() == made.commitment_root else b"",
    )  # fmt: skip
    warnings = warnings_for(made.study, terms.method, dict(terms.parameters), terms.slots_per_stratum)
    report = acceptance_report(facts, ordered, expected=_still_expected(made), warnings=warnings)
    return Examined(
        in_words(terms.method, terms.parameters), report.findings, report.run.sentence, report.warnings, facts.strata
    )


def _examined_seed(made: RandomizationList, terms: ListTerms, seed: bytes) -> Examined:
    """Examine what minimization has before anybody comes: its seed and its settings, and how it would run."""
    scheme = scheme_of(terms.parameters, terms.sequences)
    is_kept = root_of(terms, seed, (), CommitsTo(made.commits_to)).hex() == made.commitment_root
    told = "; ".join(
        f"{factor} ({', '.join(levels)}) with weight {scheme.weights.get(factor, 1)}"
        for factor, levels in scheme.factors.items()
    )
    plan = TrialPlan(
        terms.method, terms.parameters, tuple(terms.sequences), max(1, made.study.recruitment_target)
    )  # fmt: skip
    run = simulate(plan, runs=RUNS_OF_MINIMIZATION, seed=RUN_SEED)
    return Examined(
        words=in_words(terms.method, terms.parameters),
        findings=(
            Finding(
                "Seed", is_kept,
                "The root covers the sealed seed and the settings."
                if is_kept
                else "Seed or settings are not the committed ones. Do not use it; make a new list.",
            ),
            Finding(
                "Settings",
                passes=True,
                sentence=f"Factors: {told}. Biased coin {float(scheme.probability):g}, by {scheme.measure.value}.",
            ),
        ),
        run=(
            f"Of {RUNS_OF_MINIMIZATION} simulated trials of {plan.participants} participants the sequences ended "
            f"{run.final_imbalance:.1f} apart on average and were at most {run.worst_imbalance:.0f} apart on the way."
        ),
        warnings=(),
        strata=(),
    )  # fmt: skip


def _still_expected(made: RandomizationList) -> dict[str, float]:
    """Return whom the list is for: all who are expected, or for an extension those who have not come yet."""
    expected, target = expected_in(made.study), made.study.recruitment_target
    came = Allocation.objects.filter(slot__stratum__list__study=made.study).count() if made.position > 1 else 0
    part = (target - came) / target if came < target else 1
    return {key: max(count * part, 0.001) for key, count in expected.items()}
