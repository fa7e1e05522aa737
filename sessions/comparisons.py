"""Old against new: what a batch changed in the primary ratio, pooled over sessions and treatments.

Agreement as Bland and Altman (1986), Lancet 327:307-310: the difference of each pair against its mean, the mean
difference and the limits within which 95 % of differences lie. Rows are named by participant and spectrum; nothing
tells the first session from the second.
"""

import csv
import io
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from sessions.models import MetaboliteEstimate, QuantificationRun, Requantification
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with
from studyportal.studies.models import Study

LIMIT_SDS = 1.96
LARGEST = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """One spectrum's primary ratio before and under the batch's version."""

    participant: str
    spectrum_id: uuid.UUID
    old_run: uuid.UUID
    new_run: uuid.UUID
    old_version: int | None
    old: float
    new: float
    was_usable: bool
    is_usable: bool

    @property
    def mean(self) -> float:
        """The pair's mean, the horizontal axis."""
        return (self.old + self.new) / 2

    @property
    def difference(self) -> float:
        """New minus old."""
        return self.new - self.old

    @property
    def percent(self) -> float | None:
        """The difference in per cent of the old value."""
        return 100 * self.difference / self.old if self.old else None

    @property
    def difference_words(self) -> str:
        """The difference as the table shows it."""
        return _signed(self.difference)

    @property
    def percent_words(self) -> str:
        """The difference in per cent as the table shows it."""
        return "–" if self.percent is None else _signed(self.percent, 1)

    @property
    def verdict_words(self) -> str:
        """How the verdict changed."""
        words = {True: "usable", False: "repeat"}
        if self.was_usable == self.is_usable:
            return f"Still {words[self.is_usable]}"
        return f"From {words[self.was_usable]} to {words[self.is_usable]}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the comparison page shows."""

    ratio: str
    pairs: tuple[Pair, ...]
    bias: float | None
    low: float | None
    high: float | None
    unpaired: int

    @property
    def largest(self) -> list[Pair]:
        """The pairs that changed most, the greatest change first."""
        return sorted(self.pairs, key=lambda pair: (-abs(pair.difference), pair.participant, pair.spectrum_id))[
            :LARGEST
        ]

    @property
    def turned(self) -> int:
        """How many verdicts changed."""
        return sum(pair.was_usable != pair.is_usable for pair in self.pairs)

    @property
    def finding(self) -> str:
        """The comparison in one sentence."""
        if not self.pairs:
            return "No spectrum has a result both before and under this version yet."
        count = f"{len(self.pairs)} spectr{'um' if len(self.pairs) == 1 else 'a'}"
        if self.bias is None or self.low is None or self.high is None:
            return f"{count}: too few for limits of agreement."
        if not any(pair.difference for pair in self.pairs):
            return f"{count}: {self.ratio} is the same in each."
        return (
            f"{count}: {self.ratio} changes by {_signed(self.bias)} on average; 95 % of changes lie between "
            f"{_signed(self.low)} and {_signed(self.high)}."
        )


def agreement_for(viewer: User, study: Study, batch: Requantification) -> Agreement:
    """Compare a batch with what stood before it, at the sites where the viewer may see metabolites."""
    runs = list(
        batch.runs.filter(
            state=QuantificationRun.State.DONE,
            spectrum__session__participant__site__in=sites_with(viewer, Permission.METABOLITE_VIEW, study),
        )
        .select_related("result", "spectrum__session__participant")
        .defer("result__document", "spectrum__header", "settings")
        .order_by("spectrum__session__participant__number", "spectrum")
    )
    values = _ratios([run.spectrum_id for run in runs], study.mrs_primary_ratio)
    before = _earlier(runs)
    pairs = []
    for run in runs:
        earlier = before.get(run.spectrum_id)
        new, old = values.get(run.pk), values.get(earlier.pk) if earlier else None
        if earlier is None or new is None or old is None:
            continue
        pairs.append(
            Pair(
                participant=run.spectrum.session.participant.number, spectrum_id=run.spectrum_id, old_run=earlier.pk,
                new_run=run.pk, old_version=earlier.protocol.version if earlier.protocol else None, old=old, new=new,
                was_usable=earlier.result.is_usable, is_usable=run.result.is_usable,
            )
        )  # fmt: skip
    return _agreement(study.mrs_primary_ratio, pairs, unpaired=len(runs) - len(pairs))


def figure(found: Agreement) -> dict[str, Any]:  # Any: Plotly's JSON
    """Return the Plotly figure: difference against mean, with the mean difference and the limits as labelled lines."""
    pairs = found.pairs
    trace = {
        "type": "scatter", "mode": "markers", "name": found.ratio, "meta": {"role": "a"}, "marker": {"size": 9},
        "x": [round(pair.mean, 5) for pair in pairs], "y": [round(pair.difference, 5) for pair in pairs],
        "text": [pair.participant for pair in pairs],
        "hovertemplate": "%{text}: mean %{x:.3f}, change %{y:+.3f}<extra></extra>",
    }  # fmt: skip
    lines = [
        (level, text, dash)
        for level, text, dash in (
            (found.bias, "mean", "solid"), (found.low, "−1.96 SD", "dash"), (found.high, "+1.96 SD", "dash"),
        )
        if level is not None and (text == "mean" or found.low != found.high)  # limits on the mean would hide its label
    ]  # fmt: skip
    return {
        "data": [trace],
        "layout": {
            "showlegend": False,
            "margin": {"l": 64, "r": 136, "t": 16, "b": 48},
            "xaxis": {"title": {"text": f"Mean of old and new {found.ratio}"}, "zeroline": False},
            "yaxis": {"title": {"text": "New minus old"}, "zeroline": True},
            "shapes": [
                {
                    "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level, "name": "quiet",
                    "line": {"width": 1.5, "dash": dash},
                }
                for level, _, dash in lines
            ],
            "annotations": [
                {
                    "xref": "paper", "x": 1, "y": level, "xanchor": "left", "xshift": 6, "yanchor": "middle",
                    "showarrow": False, "text": f"{text}: {_signed(level)}",
                }
                for level, text, _ in lines
            ],
        },
    }  # fmt: skip


def table(found: Agreement) -> str:
    """Return every pair as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([
        "participant", "spectrum_id", "ratio", "old", "new", "difference", "old_quantification_id",
        "new_quantification_id", "old_protocol_version", "was_usable", "is_usable",
    ])  # fmt: skip
    for pair in found.pairs:
        writer.writerow([
            pair.participant, pair.spectrum_id, found.ratio, pair.old, pair.new, round(pair.difference, 9),
            pair.old_run, pair.new_run, "" if pair.old_version is None else pair.old_version, pair.was_usable,
            pair.is_usable,
        ])  # fmt: skip
    return text.getvalue()


def _signed(value: float, digits: int = 3) -> str:
    """Return a change with its sign and decimals, a real minus, and none where it rounds to nothing."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def _agreement(ratio: str, pairs: Sequence[Pair], *, unpaired: int) -> Agreement:
    changes = [pair.difference for pair in pairs]
    if len(changes) < 3:
        return Agreement(ratio, tuple(pairs), None, None, None, unpaired)
    bias, spread = fmean(changes), stdev(changes)
    return Agreement(ratio, tuple(pairs), bias, bias - LIMIT_SDS * spread, bias + LIMIT_SDS * spread, unpaired)


def _ratios(spectra: Sequence[uuid.UUID], ratio: str) -> dict[uuid.UUID, float]:
    """Return the whole spectrum's ratio of every finished run of these spectra."""
    found = MetaboliteEstimate.objects.filter(
        result__run__spectrum__in=spectra, block=None, quantity=MetaboliteEstimate.Quantity.RATIO, name=ratio
    )
    return {run: value for run, value in found.values_list("result__run", "value") if value is not None}


def _earlier(runs: Iterable[QuantificationRun]) -> dict[uuid.UUID, QuantificationRun]:
    """Return for each spectrum the run that stood before: the signed version's, else the latest one."""
    ordinals = {run.spectrum_id: run.ordinal for run in runs}
    found: dict[uuid.UUID, QuantificationRun] = {}
    finished = QuantificationRun.objects.filter(
        spectrum__in=ordinals, state=QuantificationRun.State.DONE, result__isnull=False
    )
    for one in finished.select_related("result", "protocol").order_by("ordinal"):
        held = found.get(one.spectrum_id)
        is_signed = held is not None and held.protocol is not None and held.protocol.signed_at is not None
        if one.ordinal < ordinals[one.spectrum_id] and not is_signed:
            found[one.spectrum_id] = one
    return found
