"""The only join across the three apps: records in, typed rows out, for one viewer and one study.

Blinded: `participant_rows`, `session_rows`, `madrs_rows`, `item_rows`, `spectrum_rows`, `quantification_rows`,
`quality_rows`; each is scoped to the sites where the viewer holds the permission that its grain needs, and empty
without it.

Unblinded, at the vault only: first `open_links(viewer, study, reason=...)`, which commits the announcement before
anything is opened, then the `unblinded_*` twin of each with those links.
"""

import datetime
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import QuerySet

from participants.models import Participant
from ratings import scoring
from ratings.models import ItemScore, Rating
from ratings.policies import window_from
from sessions.allocation.contagion import known_since
from sessions.allocation.services import reveal_sequences
from sessions.models import Dose, SequencePeriod, StudySession
from sessions.policies import corrected_stratum, stratum_at_randomization
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, check, sites_with
from studyportal.reports import rows
from studyportal.reports.parts import Part, Parts
from studyportal.reports.spectrum_datasets import counted_rows_at, estimate_parts, infusions_at, quality_at, spectra_at
from studyportal.studies.models import Site, Study

Sites = QuerySet[Site]
Twin = TypeVar("Twin")


@dataclass(frozen=True, slots=True)
class Links:
    """The opened link: a participant's sequence, and what it gives in each period. Exists at the vault only.

    `known_since` holds from when on a participant's treatment was revealed or could be deduced.
    """

    sequences: Mapping[str, str]
    treatments: Mapping[tuple[str, int], str]
    known_since: Mapping[str, datetime.datetime] = field(default_factory=dict)


def participant_rows(viewer: User, study: Study) -> list[rows.ParticipantRow]:
    """Participants of the viewer's sites, by number."""
    return _participants(study, sites_with(viewer, Permission.PARTICIPANT_VIEW, study))


def session_rows(viewer: User, study: Study) -> list[rows.SessionRow]:
    """Sessions of the viewer's sites, by participant and period."""
    return _sessions(study, sites_with(viewer, Permission.SESSION_VIEW, study))


def madrs_rows(viewer: User, study: Study) -> list[rows.MadrsRow]:
    """Signed MADRS with totals, of the sites where the viewer may see scores."""
    return _madrs(study, sites_with(viewer, Permission.RATING_SCORE_VIEW, study))


def item_rows(viewer: User, study: Study) -> list[rows.ItemRow]:
    """Items of signed MADRS, of the sites where the viewer may see scores."""
    return _items(study, sites_with(viewer, Permission.RATING_SCORE_VIEW, study))


def spectrum_rows(viewer: User, study: Study) -> list[rows.SpectrumRow]:
    """Spectra of the sites where the viewer may see their quality; the session is masked for reviewers of fits."""
    sites = sites_with(viewer, Permission.SPECTRUM_QUALITY_VIEW, study)
    return spectra_at(study, sites, is_masked=reviews(viewer, study))


def quantification_parts(viewer: User, study: Study) -> Parts[rows.QuantificationRow]:
    """Estimates of finished runs, of the sites where the viewer may see them; the session is masked for reviewers."""
    sites = sites_with(viewer, Permission.METABOLITE_VIEW, study)
    return estimate_parts(study, sites, is_masked=reviews(viewer, study))


def quantification_rows(viewer: User, study: Study) -> list[rows.QuantificationRow]:
    """The same, read at once."""
    return quantification_parts(viewer, study).rows()


def quality_rows(viewer: User, study: Study) -> list[rows.QualityRow]:
    """Signal, line width and precision of each spectrum's latest run, in the order of acquisition."""
    return quality_at(study, sites_with(viewer, Permission.SPECTRUM_QUALITY_VIEW, study))


def open_links(viewer: User, study: Study, *, reason: str) -> Links:
    """Open every allocated participant's sequence; the announcement is committed before the first is opened.

    Raises:
        NotPermitted: the viewer's role includes neither the unblinded report nor the unblinded export.
        BlindingViolation: this process is not the vault.
    """
    if not can(viewer, Permission.UNBLINDED_EXPORT, study):
        check(viewer, Permission.UNBLINDED_REPORT_VIEW, study)
    by_id = reveal_sequences(study=study, by=viewer, reason=reason)
    numbers = dict(Participant.objects.filter(pk__in=by_id).values_list("pk", "number"))
    planned = SequencePeriod.objects.filter(sequence__study=study).values_list(
        "sequence__code", "period__number", "treatment__name"
    )
    return Links(
        sequences={numbers[pk]: code for pk, code in by_id.items()},
        treatments={(code, period): treatment for code, period, treatment in planned},
        known_since=known_since(study),
    )


def unblinded_participant_rows(study: Study, links: Links) -> list[rows.UnblindedParticipantRow]:
    """Randomized participants with their sequence."""
    return [
        rows.UnblindedParticipantRow(**rows.values_of(row), sequence=links.sequences[row.participant])
        for row in _participants(study, study.sites.all())
        if row.participant in links.sequences
    ]


def unblinded_session_rows(study: Study, links: Links) -> list[rows.UnblindedSessionRow]:
    """Sessions with what was given in them."""
    return linked(_sessions(study, study.sites.all()), links, rows.UnblindedSessionRow)


def unblinded_madrs_rows(study: Study, links: Links) -> list[rows.UnblindedMadrsRow]:
    """Signed MADRS with what was given in their session."""

    def twin(**values: Any) -> rows.UnblindedMadrsRow:  # Any: the row's own values
        since = links.known_since.get(values["participant"])
        is_after = since is not None and values["interview_started_at"] >= since
        return rows.UnblindedMadrsRow(**values, is_after_reveal=is_after)

    return linked(_madrs(study, study.sites.all()), links, twin)


def unblinded_item_rows(study: Study, links: Links) -> list[rows.UnblindedItemRow]:
    """Items of signed MADRS with what was given in their session."""
    return linked(_items(study, study.sites.all()), links, rows.UnblindedItemRow)


def unblinded_spectrum_rows(study: Study, links: Links) -> list[rows.UnblindedSpectrumRow]:
    """Spectra with what was given in their session."""
    return linked(spectra_at(study, study.sites.all(), is_masked=False), links, rows.UnblindedSpectrumRow)


def unblinded_quantification_parts(study: Study, links: Links) -> Parts[rows.UnblindedQuantificationRow]:
    """Estimates with what was given in their session."""
    found = estimate_parts(study, study.sites.all(), is_masked=False)
    return linked_parts(found, links, rows.UnblindedQuantificationRow)


def unblinded_counted_rows(study: Study, links: Links, name: str) -> list[rows.UnblindedQuantificationRow]:
    """One ratio's estimates of the runs that count, with what was given; without the quality of the fits."""
    return linked(counted_rows_at(study, study.sites.all(), name), links, rows.UnblindedQuantificationRow)


def linked_parts(found: Parts[Any], links: Links, twin: Callable[..., Twin]) -> Parts[Twin]:  # Any: a blinded row
    """Return the parts of randomized participants, whose rows come with what was given."""
    known = [part for part in found.parts if part.participant in links.sequences]

    def load(parts: Sequence[Part]) -> list[Twin]:
        return linked(found.load(parts), links, twin)

    return Parts(known, load)


def linked(found: Sequence[Any], links: Links, twin: Callable[..., Twin]) -> list[Twin]:  # Any: a blinded row
    """Return the twins of the rows of randomized participants, with what was given in their session."""
    twins = []
    for row in found:
        sequence = links.sequences.get(row.participant)
        if sequence is not None and row.period is not None:
            treatment = links.treatments[sequence, row.period]
            twins.append(twin(**rows.values_of(row), sequence=sequence, treatment=treatment))
    return twins


def reviews(viewer: User, study: Study) -> bool:
    """Whether the viewer reviews fits, and so does without the session and its time."""
    return can(viewer, Permission.QUANTIFICATION_REVIEW, study)


def _participants(study: Study, sites: Sites) -> list[rows.ParticipantRow]:
    found = Participant.objects.filter(study=study, site__in=sites).select_related(
        "site", "study", "withdrawal", "paper_randomization", "randomized_in_error"
    )
    return [
        rows.ParticipantRow(
            participant=one.number, site=one.site.code, sex=one.sex, age_years=one.age_years, status=one.status,
            screened_at=one.screened_at, randomization_number=one.randomization_number,
            randomized_at=one.randomized_at, is_randomized_on_paper=hasattr(one, "paper_randomization"),
            randomized_in_error_at=one.randomized_in_error.marked_at if hasattr(one, "randomized_in_error") else None,
            stratum_at_randomization=stratum_at_randomization(one), stratum_corrected=corrected_stratum(one),
            withdrawn_on=one.withdrawal.withdrawn_on if hasattr(one, "withdrawal") else None,
        )
        for one in found.order_by("number")
    ]  # fmt: skip


def _sessions(study: Study, sites: Sites) -> list[rows.SessionRow]:
    given: dict[Any, dict[str, tuple[Any, Any]]] = defaultdict(dict)  # Any: keys and moments of values_list
    for session, kind, began, ended in Dose.objects.filter(
        session__participant__study=study, session__participant__site__in=sites
    ).values_list("session_id", "planned__kind", "started_at", "ended_at"):
        given[session][kind] = (began, ended)
    found = StudySession.objects.filter(participant__study=study, participant__site__in=sites)
    columns = ("pk", "participant__number", "participant__site__code", "participant__sex", "period__number", "status",
               "planned_at", "started_at", "completed_at", "missed_reason")  # fmt: skip
    return [
        _session(given[one[0]], one)
        for one in found.order_by("participant__number", "period__number").values_list(*columns)
    ]


def _session(given: Mapping[str, tuple[Any, Any]], columns: tuple[Any, ...]) -> rows.SessionRow:  # Any: values_list
    _, participant, site, sex, period, status, planned_at, started_at, completed_at, missed_reason = columns
    began, ended = given.get("infusion", (None, None))
    return rows.SessionRow(
        participant=participant, site=site, sex=sex, period=period, status=status, planned_at=planned_at,
        started_at=started_at, pretreatment_at=given.get("pretreatment", (None, None))[0], infusion_started_at=began,
        infusion_ended_at=ended, infusion_minutes=(ended - began).total_seconds() / 60 if began and ended else None,
        completed_at=completed_at, missed_reason=missed_reason,
    )  # fmt: skip


def _signed(study: Study, sites: Sites) -> QuerySet[Rating]:
    return Rating.objects.filter(
        status=Rating.Status.SIGNED,
        assignment__session__participant__study=study,
        assignment__session__participant__site__in=sites,
        assignment__assessment__instrument="MADRS",
    ).order_by(
        "assignment__session__participant__number", "assignment__session__period__number",
        "assignment__assessment__position",
    )  # fmt: skip


PLACE = {
    "participant": "assignment__session__participant__number",
    "site": "assignment__session__participant__site__code",
    "sex": "assignment__session__participant__sex",
    "period": "assignment__session__period__number",
    "timepoint": "assignment__assessment__timepoint",
}
"""Where a rating belongs: the columns of its rows, and where they are found."""


def _madrs(study: Study, sites: Sites) -> list[rows.MadrsRow]:
    infusions, scores = infusions_at(study, sites), _scores(study, sites)
    found = []
    for pk, session, rater, begun, signed_at, version, *rest in _signed(study, sites).values_list(
        "pk", "assignment__session_id", "rater__username", "started_at", "signed_at", "version",
        "assignment__assessment__offset_hours", "assignment__assessment__window_before_hours",
        "assignment__assessment__window_after_hours", *PLACE.values(),
    ):  # fmt: skip
        own, infusion, window, place = scores[pk], infusions.get(session), rest[:3], rest[3:]
        found.append(
            rows.MadrsRow(
                **dict(zip(PLACE, place, strict=True)), rater=rater, interview_started_at=begun,
                hours_from_infusion=(begun - infusion).total_seconds() / 3600 if infusion else None,
                is_in_window=window_from(infusion, *window).holds(begun) if infusion else None,
                items_scored=sum(value is not None for value in own.values()), total=scoring.total(own),
                signed_at=signed_at, version=version,
            )
        )  # fmt: skip
    return found


def _scores(study: Study, sites: Sites) -> Mapping[Any, dict[int, int | None]]:  # Any: keys of values_list
    scores: dict[Any, dict[int, int | None]] = defaultdict(dict)
    items = ItemScore.objects.filter(rating__in=_signed(study, sites).order_by())
    for rating, item, value in items.values_list("rating_id", "item", "value"):
        scores[rating][item] = value
    return scores


def _items(study: Study, sites: Sites) -> list[rows.ItemRow]:
    found = (
        ItemScore.objects.filter(rating__in=_signed(study, sites).order_by())
        .order_by(
            "rating__assignment__session__participant__number", "rating__assignment__session__period__number",
            "rating__assignment__assessment__position", "item",
        )
        .values_list("item", "value", "missing_reason", *(f"rating__{column}" for column in PLACE.values()))
    )  # fmt: skip
    return [
        rows.ItemRow(
            **dict(zip(PLACE, place, strict=True)), item=item, title=scoring.TITLES[item], value=value,
            missing_reason=missing_reason,
        )
        for item, value, missing_reason, *place in found
    ]  # fmt: skip
