"""What the page of a basis set shows: its small spectra as lines, the data it suits, and where it is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sessions.models import BasisSet, QuantificationRun, Spectrum, Upload
from sessions.services.bases import echo_time_of, field_of
from sessions.services.basis_library import mismatch
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import sites_with

WIDTH, HEIGHT, ZERO_AT = 240, 72, 54


@dataclass(frozen=True, slots=True)
class Picture:
    """One part of a set as the points of a line in a box of 240 x 72."""

    name: str
    points: str


@dataclass(frozen=True, slots=True)
class Suit:
    """One kind of data of the study: field strength and echo time, how many spectra, and why the set does not suit."""

    field_tesla: float | None
    echo_time_ms: float | None
    spectra: int
    why_not: str


@dataclass(frozen=True, slots=True)
class Uses:
    """Where a set is used."""

    runs: int
    versions: list[int]


def pictures(preview: Mapping[str, Any]) -> list[Picture]:
    """Return the parts of a set as lines, in the file's order."""
    step = WIDTH / max(1, len(preview.get("ppm", ())) - 1)
    return [
        Picture(name, " ".join(f"{index * step:.1f},{ZERO_AT - 48 * value:.1f}" for index, value in enumerate(row)))
        for name, row in preview.get("spectra", {}).items()
    ]


def suits(viewer: User, basis: BasisSet) -> list[Suit]:
    """Compare a set with the study's stored spectra at the viewer's sites, one line for each field and echo time."""
    stored = Spectrum.objects.filter(
        session__participant__study=basis.study, status=Spectrum.Status.STORED, kind=Upload.Kind.METABOLITE,
        session__participant__site__in=sites_with(viewer, Permission.SPECTRUM_QUALITY_VIEW, basis.study),
    )  # fmt: skip
    counts: dict[tuple[float | None, float | None], int] = {}
    headers: dict[tuple[float | None, float | None], Mapping[str, Any]] = {}
    for header in stored.order_by("pk").values_list("header", flat=True):
        tesla, echo = field_of(header), echo_time_of(header)
        key = (round(tesla, 2) if tesla else None, round(echo, 1) if echo else None)
        counts[key] = counts.get(key, 0) + 1
        headers.setdefault(key, header)
    ordered = sorted(counts, key=lambda key: (key[0] or 0.0, key[1] or 0.0))
    return [Suit(*key, counts[key], mismatch(basis, headers[key])) for key in ordered]


def uses_of(basis: BasisSet) -> Uses:
    """Return how many runs were fitted with a set, and which versions of the analysis protocol name it."""
    study = basis.study
    runs = QuantificationRun.objects.filter(basis=basis, spectrum__session__participant__study=study).count()
    own = str(basis.pk)
    named = [
        one.version
        for one in study.analysis_protocols.order_by("version")
        if own in {part["id"] for part in (*one.terms.get("bases", ()), one.terms.get("measured") or {"id": ""})}
    ]
    return Uses(runs, named)
