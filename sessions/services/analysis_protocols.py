"""The analysis protocol as people change it: draft a version, sign one. Nothing is ever edited.

A signed version is frozen, and the database too refuses to change it. From the signature on, and from the lock of the
database, the protocol is closed: what differs is drafted as an exploratory version, whose results are marked and never
count. A version drafted after somebody saw an allocation cannot be signed. That is told when it is to be signed, to
those who may know that allocations were opened, and never to the imaging analyst who drafts (blinding.md).
"""

import hashlib
import json
from dataclasses import replace

from django.db import connection, transaction
from django.db.models import Max

from sessions.analysis_terms import Terms, problems
from sessions.models import AnalysisProtocol
from sessions.mrs import ENGINE_VERSION
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study

MEANING = "I approve this analysis protocol; it is frozen before the treatments are known."
LONGEST_REASON = 500
LOCKED = "The database of this study is locked: its analysis protocol can no longer be changed."


def signed_of(study: Study) -> AnalysisProtocol | None:
    """Return the version that is signed and frozen, None while there is none."""
    return study.analysis_protocols.filter(signed_at__isnull=False).first()


def current_of(study: Study) -> AnalysisProtocol | None:
    """Return the version that new runs use: the signed one, else the latest that is not exploratory."""
    return signed_of(study) or study.analysis_protocols.filter(is_exploratory=False).order_by("-version").first()


@transaction.atomic
def draft(*, study: Study, terms: Terms, reason: str, is_exploratory: bool = False, by: User) -> AnalysisProtocol:
    """Add a version. Until one is signed, the latest that is not exploratory is what new runs use.

    Raises:
        NotPermitted: the role does not include drafts of the protocol.
        InvalidInput: a term is impossible, the reason is missing, or nothing differs from the version before.
        InvalidState: a version is signed and this one is not exploratory, or the database is locked.
    """
    check(by, Permission.PROTOCOL_DRAFT, study)
    study = Study.objects.select_for_update().get(pk=study.pk)
    _refuse_locked(study)
    signed = signed_of(study)
    if signed is not None and not is_exploratory:
        msg = (
            f"Version {signed.version} is signed and frozen: it can no longer be changed. Save your changes as an "
            "exploratory version; its results are marked and do not count."
        )
        raise InvalidState(msg, code="protocol_frozen")
    terms = replace(terms, primary_ratio=study.mrs_primary_ratio, engine_version=ENGINE_VERSION)
    fields = problems(terms)
    if not reason.strip():
        fields["reason"] = "Say why this version is made."
    elif len(reason.strip()) > LONGEST_REASON:
        fields["reason"] = f"Use {LONGEST_REASON} characters at most; these are {len(reason.strip())}."
    if fields:
        raise InvalidInput("The protocol needs another look.", fields=fields)
    document, digest = _hashed(terms)
    twin = study.analysis_protocols.filter(terms_sha256=digest, is_exploratory=is_exploratory).first()
    if twin is not None and twin == _latest(study, is_exploratory=is_exploratory):
        msg = f"Nothing differs from version {twin.version}."
        raise InvalidInput(msg)
    last = study.analysis_protocols.aggregate(last=Max("version"))["last"] or 0
    made = AnalysisProtocol.objects.create(
        study=study, version=last + 1, is_exploratory=is_exploratory, terms=document, terms_sha256=digest,
        reason=reason.strip(), drafted_by=by, drafted_at=clock.now(),
    )  # fmt: skip
    events.record(
        "analysis protocol drafted", study=study.code, target=str(made.pk),
        data={"version": made.version, "is_exploratory": is_exploratory, "terms_sha256": digest},
    )  # fmt: skip
    return made


@transaction.atomic
def sign(*, protocol: AnalysisProtocol, password: str, by: User) -> AnalysisProtocol:
    """Approve and freeze a version with an electronic signature over every term in words.

    Raises:
        NotPermitted: the role does not include signing the protocol.
        InvalidInput: the password does not match.
        InvalidState: a version is signed or this one is exploratory, the database is locked, or the version was
            drafted after an allocation had been opened.
    """
    check(by, Permission.PROTOCOL_SIGN, protocol.study)
    study = Study.objects.select_for_update().get(pk=protocol.study_id)
    locked = AnalysisProtocol.objects.select_for_update().get(pk=protocol.pk)
    _refuse_locked(study)
    if locked.signed_at is not None:
        raise InvalidState("This version is signed already.")
    if (signed := signed_of(study)) is not None:
        msg = f"Version {signed.version} is signed and frozen; a study has one signed analysis protocol."
        raise InvalidState(msg, code="protocol_frozen")
    if locked.is_exploratory:
        raise InvalidState("An exploratory version cannot be signed. Draft it as a version of the protocol first.")
    if was_revealed(study, locked):
        msg = (
            "Allocations of this study had been opened before this version was drafted, so it can no longer be "
            "approved. Sign a version that was drafted before."
        )
        raise InvalidState(msg, code="allocations_opened")
    signatures.check_password(by, password)
    locked.signature = signatures.sign(
        by=by, meaning=MEANING, record_label="analysis protocol", record_id=locked.pk, content=content_of(locked),
        time_zone="UTC",
    )  # fmt: skip
    locked.signed_at = locked.signature.signed_at
    locked.save(update_fields=["signature", "signed_at"])
    events.record(
        "analysis protocol signed", study=study.code, target=str(locked.pk),
        data={"version": locked.version, "terms_sha256": locked.terms_sha256},
    )  # fmt: skip
    return locked


def content_of(protocol: AnalysisProtocol) -> dict[str, object]:
    """Return what is signed: the terms as stored, and line by line in the words that were on screen."""
    return {
        "study": protocol.study.code, "version": protocol.version, "terms": protocol.terms,
        "lines": [[row.label, row.value] for row in terms_of(protocol).rows()],
    }  # fmt: skip


def terms_of(protocol: AnalysisProtocol) -> Terms:
    """Return a version's terms."""
    return Terms.from_document(protocol.terms)


def was_revealed(study: Study, protocol: AnalysisProtocol) -> bool:
    """Whether somebody had seen an allocation when the version was drafted; preparing doses does not count."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.was_revealed(%s, %s)", [study.code, protocol.drafted_at])
        return bool(cursor.fetchone()[0])


def _latest(study: Study, *, is_exploratory: bool) -> AnalysisProtocol | None:
    return study.analysis_protocols.filter(is_exploratory=is_exploratory).order_by("-version").first()


def _hashed(terms: Terms) -> tuple[dict[str, object], str]:
    document = terms.document()
    return document, hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _refuse_locked(study: Study) -> None:
    if study.status == Study.Status.LOCKED:
        raise InvalidState(LOCKED, code="database_locked")
