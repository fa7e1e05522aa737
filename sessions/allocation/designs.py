"""The crossover design of a study in set-up: its treatments, periods and sequences, written as rows.

The design is public. It may be exchanged as a whole while the study is in set-up and nothing rests on it: no list is
generated and nobody is randomized. The database's own function refuses the rest (migration 0003).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from sessions.allocation.models import RandomizationList
from sessions.models import Period, SequencePeriod, Treatment
from sessions.models import Sequence as StudySequence
from sessions.randomization import check_sequences, williams
from sessions.randomization.designs import DesignCheck, Sequences
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study

LONGEST_CODE, LONGEST_SEQUENCE = 4, 8
MOST_SEQUENCES = 64


@dataclass(frozen=True, slots=True)
class Design:
    """A design as pages show it: treatments by code, and the treatments of each sequence by period."""

    treatments: Mapping[str, str]
    sequences: Sequences

    @property
    def periods(self) -> int:
        """How many periods each sequence has."""
        return max((len(row) for row in self.sequences.values()), default=0)

    @property
    def numbers(self) -> range:
        """The numbers of the periods."""
        return range(1, self.periods + 1)

    @property
    def check(self) -> DesignCheck:
        """What is unbalanced."""
        return check_sequences(self.sequences, list(self.treatments))


def design_of(study: Study) -> Design:
    """Return the study's design as it stands."""
    rows = SequencePeriod.objects.filter(sequence__study=study).select_related("sequence", "period", "treatment")
    given: dict[str, list[tuple[int, str]]] = {}
    for row in rows:
        given.setdefault(row.sequence.code, []).append((row.period.number, row.treatment.code))
    return Design(
        dict(Treatment.objects.filter(study=study).values_list("code", "name")),
        {code: tuple(one for _, one in sorted(own)) for code, own in sorted(given.items())},
    )


def williams_design(treatments: Mapping[str, str]) -> Design:
    """Return the Williams design of these treatments; AB/BA for two.

    Raises:
        InvalidInput: fewer than 2 or more than 8 treatments, or codes that run together.
    """
    check_treatments(treatments)
    try:
        made = williams(list(treatments))
    except ValueError as error:
        msg = f"This design cannot be made: {error}."
        raise InvalidInput(msg, fields={"treatments": msg}) from None
    return Design(treatments, made)


def own_design(treatments: Mapping[str, str], text: str) -> Design:
    """Return a design from lines such as `AB: A B` or `A B`, one for each sequence.

    Raises:
        InvalidInput: a line cannot be read, or the set is impossible; each fault says what to do.
    """
    check_treatments(treatments)
    sequences: dict[str, tuple[str, ...]] = {}
    faults = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        code, found, rest = line.partition(":")
        row = tuple(re.split(r"[\s,;]+", (rest if found else line).strip()))
        code = code.strip() if found else "".join(row)
        if code in sequences:
            faults.append(f"Line {number}: the code {code} stands twice. Give each sequence a code of its own.")
        sequences[code] = row
    faults += check_sequences(sequences, list(treatments)).faults
    if len(sequences) > MOST_SEQUENCES:
        faults.append(f"There are more than {MOST_SEQUENCES} sequences. Remove some.")
    if faults:
        raise InvalidInput(" ".join(faults), fields={"sequences": " ".join(faults)})
    return Design(treatments, sequences)


def check_treatments(treatments: Mapping[str, str]) -> None:
    """Refuse treatments whose codes or names are not usable.

    Raises:
        InvalidInput: a code is too long or no letters and digits, or a name is missing.
    """
    faults = [
        f"The code «{code}» is not usable. Use at most {LONGEST_CODE} letters or digits."
        for code in treatments
        if not re.fullmatch(rf"[A-Za-z0-9]{{1,{LONGEST_CODE}}}", code)
    ] + [f"The treatment {code} has no name. Write it after the code, such as «A = Placebo capsule»." for code, name in
         treatments.items() if not name]  # fmt: skip
    if faults:
        raise InvalidInput(" ".join(faults), fields={"treatments": " ".join(faults)})


def why_fixed(study: Study) -> str:
    """Return why the design cannot be exchanged any more; empty while it can be."""
    if study.status != Study.Status.SETUP:
        return "The study has left set-up, so its design stays as it is."
    if RandomizationList.objects.filter(study=study, generated_at__isnull=False).exists():
        return "A list is generated for this design, so it stays as it is."
    return ""


@transaction.atomic
def write_design(*, study: Study, design: Design, by: User) -> None:
    """Exchange the study's design.

    Raises:
        NotPermitted: the person may not make lists.
        InvalidInput: the design is impossible, or a sequence's code is too long.
        InvalidState: the study has left set-up, a list is generated, or somebody is randomized.
    """
    check(by, Permission.LIST_GENERATE, study)
    check_treatments(design.treatments)
    faults = [*design.check.faults]
    faults += [
        f"The code {code} is longer than {LONGEST_SEQUENCE} characters. Use shorter codes for the treatments, or name "
        "the sequences yourself."
        for code in design.sequences
        if len(code) > LONGEST_SEQUENCE
    ]
    if faults:
        raise InvalidInput(" ".join(faults), fields={"sequences": " ".join(faults)})
    locked = Study.objects.select_for_update().get(pk=study.pk)
    washouts = dict(Period.objects.filter(study=locked).values_list("number", "washout_days"))
    latest = dict(Period.objects.filter(study=locked).values_list("number", "latest_start_days"))
    if not _is_cleared(locked):
        told = why_fixed(locked) or "Somebody is randomized already, so the design stays as it is."
        raise InvalidState(told)
    treatments = {
        code: Treatment(study=locked, code=code, name=name) for code, name in design.treatments.items()
    }  # fmt: skip
    Treatment.objects.bulk_create(treatments.values())
    periods = [
        Period(
            study=locked, number=number, latest_start_days=latest.get(number),
            washout_days=washouts.get(number, 0 if number == 1 else locked.minimum_washout_days),
        )
        for number in range(1, design.periods + 1)
    ]  # fmt: skip
    Period.objects.bulk_create(periods)
    _write_sequences(locked, design.sequences, periods, treatments)
    written = {"treatments": list(design.treatments), "sequences": list(design.sequences), "periods": design.periods}
    events.record("design written", study=locked.code, target="design", data=written)


def _write_sequences(
    study: Study, sequences: Sequences, periods: Sequence[Period], treatments: Mapping[str, Treatment]
) -> None:
    heads = {code: StudySequence(study=study, code=code) for code in sequences}
    StudySequence.objects.bulk_create(heads.values())
    SequencePeriod.objects.bulk_create(
        SequencePeriod(sequence=heads[code], period=period, treatment=treatments[given])
        for code, row in sequences.items()
        for period, given in zip(periods, row, strict=True)
    )


def _is_cleared(study: Study) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT alloc.clear_design(%s)", [study.pk])
        (cleared,) = cursor.fetchone()
    return bool(cleared)
