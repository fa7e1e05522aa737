"""Publishing the commitment of a list before the first allocation, and what everybody may read of it."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from sessions.allocation.models import Publication, RandomizationList
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.errors import NotFound
from studyportal.studies.models import Study

Kind = Publication.Kind
MEANING = "Published the commitment of the randomization list"


@dataclass(frozen=True, slots=True)
class Published:
    """All that is published of a study: roots, the chain of its allocations, its reveal."""

    roots: tuple[Publication, ...]
    chain: Publication | None
    reveal: Publication | None

    @property
    def is_any(self) -> bool:
        """Whether anything is published."""
        return bool(self.roots)


def published_for(viewer: User, study: Study) -> Published:
    """Return what is published of a study, the oldest root first.

    Raises:
        NotPermitted: the viewer's role does not include commitments.
    """
    found = list(_of(viewer, study))
    return Published(
        roots=tuple(one for one in found if one.kind == Kind.COMMITMENT),
        chain=next((one for one in reversed(found) if one.kind == Kind.ALLOCATIONS), None),
        reveal=next((one for one in reversed(found) if one.kind == Kind.REVEAL), None),
    )


def roots_for(viewer: User, study: Study) -> QuerySet[Publication]:
    """Return the published roots of a study.

    Raises:
        NotPermitted: the viewer's role does not include commitments.
    """
    return _of(viewer, study).filter(kind=Kind.COMMITMENT)


def revealed_document(viewer: User, study: Study) -> str:
    """Return the bundle that was published with the reveal, as JSON.

    Raises:
        NotPermitted: the viewer's role does not include commitments.
        NotFound: the study is not revealed, or its reveal is not published.
    """
    reveal = published_for(viewer, study).reveal
    if reveal is None:
        raise NotFound("The randomization of this study is not revealed here.")
    return reveal.document


def published_root_of(made: RandomizationList) -> Publication | None:
    """Return the publication of a list's root, None while there is none."""
    return Publication.objects.filter(kind=Kind.COMMITMENT, list_id=made.pk).select_related("published_by").first()


def write_commitment(made: RandomizationList, *, by: User) -> Publication:
    """Write the public row of a list and sign it; the caller has checked person and state, in its transaction."""
    label = f"List {1 + Publication.objects.filter(study=made.study, kind=Kind.COMMITMENT).count()}"
    row = Publication.objects.create(
        study=made.study, kind=Kind.COMMITMENT, list_id=made.pk, label=label, method=made.method,
        generator=made.generator, value=root_to_show(made), published_at=clock.now(), published_by=by,
    )  # fmt: skip
    # The blinded side reads signature and trail: they name what is public already.
    signatures.sign(
        by=by, meaning=MEANING, record_label="allocation.Publication", record_id=row.pk,
        content={"list": str(made.pk), "label": label, "root": row.value}, time_zone="UTC",
    )  # fmt: skip
    return row


def root_to_show(made: RandomizationList) -> str:
    """Return the root as it is published.

    All that differs in public between two lists passes through here: the twin worlds put one value in its place and
    must then see no difference at all, and the nonces of the leaves make the value tell nothing (`test_publication`).
    """
    return made.commitment_root


def _of(viewer: User, study: Study) -> QuerySet[Publication]:
    # No permission belongs to both sides of the blind, so each door has its own for what is public.
    check(viewer, Permission.LIST_VIEW if settings.PORTAL_DOOR == "vault" else Permission.COMMITMENT_VIEW, study)
    return Publication.objects.filter(study=study).select_related("published_by").order_by("published_at", "label")
