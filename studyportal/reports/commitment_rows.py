"""The published commitments as rows of the API, the same at both doors."""

import datetime
from dataclasses import dataclass

from sessions.allocation.publication import roots_for
from studyportal.accounts.models import User
from studyportal.studies.models import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentRow:
    """The published root of one randomization list."""

    position: int
    list_id: str
    label: str
    root: str
    method: str
    generator: str
    published_at: datetime.datetime
    published_by: str


def commitment_rows(viewer: User, study: Study) -> list[CommitmentRow]:
    """Return one row a published root, in the order of publication.

    Raises:
        NotPermitted: the viewer's role does not include commitments.
    """
    return [
        CommitmentRow(
            position=position, list_id=str(one.list_id), label=one.label, root=one.value, method=one.method,
            generator=one.generator, published_at=one.published_at, published_by=one.published_by.full_name,
        )
        for position, one in enumerate(roots_for(viewer, study), start=1)
    ]  # fmt: skip
