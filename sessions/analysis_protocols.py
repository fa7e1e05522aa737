"""Reads of analysis protocols: the versions with what changed, and how a run stands to the one that counts."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from sessions.analysis_terms import Change, NamedSet, Row, Terms, differences
from sessions.models import AnalysisProtocol, BasisSet, QuantificationRun
from sessions.mrs import ENGINE_VERSION
from sessions.services.analysis_protocols import current_of, signed_of, terms_of
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.errors import NotFound
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands to the study's analysis protocol; only one that `counts` reaches the primary outcome."""

    words: str
    tone: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Version:
    """One version as the history shows it: the version, its state in words, and what changed since the one before."""

    protocol: AnalysisProtocol
    words: str
    tone: str
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page of the protocol shows."""

    current: AnalysisProtocol | None
    signed: AnalysisProtocol | None
    rows: list[Row]
    versions: list[Version]
    is_engine_newer: bool


def standing_of(run: QuantificationRun, signed: AnalysisProtocol | None) -> Standing:
    """Say how a run stands to the signed version, or that there is none yet."""
    own = run.protocol
    if own is None:
        return Standing("Outside the analysis protocol", "orange" if signed else "grey", counts=False)
    if own.is_exploratory:
        return Standing(f"Exploratory version {own.version}", "orange", counts=False)
    if signed is None:
        return Standing(f"Version {own.version}, not signed yet", "grey", counts=False)
    if own.pk != signed.pk:
        return Standing(f"Another version: {own.version}", "orange", counts=False)
    if run.engine_version != signed.terms["engine_version"]:
        return Standing(f"Version {own.version}, but engine {run.engine_version}", "orange", counts=False)
    return Standing(f"Signed version {own.version}", "green", counts=True)


def overview_for(viewer: User, study: Study) -> Overview:
    """Return the protocol that new runs use, with the history of all versions, the latest first.

    Raises:
        NotPermitted: the viewer's role does not include the protocol.
    """
    check(viewer, Permission.PROTOCOL_VIEW, study)
    current, signed = current_of(study), signed_of(study)
    versions = list(_versions(study))
    return Overview(
        current=next((one for one in versions if current and one.pk == current.pk), None), signed=signed,
        rows=terms_of(current).rows() if current else [],
        versions=[_version(one, versions, signed, current) for one in versions],
        is_engine_newer=current is not None and current.terms["engine_version"] != ENGINE_VERSION,
    )  # fmt: skip


def protocol_for(viewer: User, study: Study, version: int) -> AnalysisProtocol:
    """Return one version.

    Raises:
        NotPermitted: the viewer's role does not include the protocol.
        NotFound: the study has no such version.
    """
    check(viewer, Permission.PROTOCOL_VIEW, study)
    found = _versions(study).filter(version=version).first()
    if found is None:
        msg = f"The analysis protocol has no version {version}."
        raise NotFound(msg)
    return found


def changes_of(protocol: AnalysisProtocol) -> list[Change]:
    """Return what a version changed since the one before it; nothing for the first."""
    return _changes(protocol, list(_versions(protocol.study)))


def sets_of(study: Study, kind: str) -> list[BasisSet]:
    """Return the study's basis sets, or its measured macromolecules, by name."""
    return list(study.basis_sets.filter(kind=kind).order_by("-is_default", "name"))


def named(basis: BasisSet) -> NamedSet:
    """Return a set as a protocol names it."""
    return NamedSet(str(basis.pk), basis.name, basis.simulation or basis.stored_sha256)


def terms_to_start_from(study: Study) -> Terms:
    """Return the terms that a new version starts from: the current one's, else the defaults with every basis set."""
    current = current_of(study)
    if current is not None:
        return terms_of(current)
    bases = tuple(named(one) for one in sets_of(study, BasisSet.Kind.METABOLITES))
    return Terms(primary_ratio=study.mrs_primary_ratio, bases=bases, engine_version=ENGINE_VERSION)


def _versions(study: Study) -> QuerySet[AnalysisProtocol]:
    return study.analysis_protocols.select_related("study", "drafted_by", "signature").order_by("-version")


def _version(
    one: AnalysisProtocol,
    versions: Iterable[AnalysisProtocol],
    signed: AnalysisProtocol | None,
    current: AnalysisProtocol | None,
) -> Version:
    if one.is_exploratory:
        words, tone = "Exploratory", "orange"
    elif signed is not None and one.pk == signed.pk:
        words, tone = "Signed and frozen", "green"
    elif current is not None and one.pk == current.pk:
        words, tone = "In use, not signed", "yellow"
    else:
        words, tone = "Earlier draft", "grey"
    return Version(one, words, tone, _changes(one, versions))


def _changes(one: AnalysisProtocol, versions: Iterable[AnalysisProtocol]) -> list[Change]:
    """Compare with the version before; an exploratory one is compared with what it departs from."""
    earlier = [other for other in versions if other.version < one.version and not other.is_exploratory]
    before = max(earlier, key=lambda other: other.version, default=None)
    if one.is_exploratory:
        before = next((other for other in earlier if other.signed_at is not None), before)
    return differences(terms_of(before), terms_of(one)) if before else []
