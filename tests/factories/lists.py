"""Randomization lists brought to a state by two people; the caller stands at the vault."""

from collections.abc import Mapping

from sessions.allocation import life
from sessions.allocation.examination import report_info
from sessions.allocation.generation import Settings, create_list, draft_list
from sessions.allocation.models import RandomizationList
from sessions.allocation.sealed_documents import seal_document
from sessions.randomization import Method
from studyportal.accounts.models import User
from studyportal.studies.models import Study
from tests.factories.people import PASSWORD

BLOCKS: Mapping[str, object] = {"block_sizes": [2, 4]}


def drafted(study: Study, *, maker: User, slots_per_stratum: int = 8) -> RandomizationList:
    """Return a draft with blocks of 2 or 4."""
    settings = Settings(Method.PERMUTED_BLOCKS, BLOCKS, slots_per_stratum)
    return draft_list(study=study, settings=settings, by=maker)


def generated(study: Study, *, maker: User, slots_per_stratum: int = 8) -> RandomizationList:
    """Return a generated list with blocks of 2 or 4."""
    return create_list(
        study=study, method="permuted_blocks", parameters=BLOCKS, slots_per_stratum=slots_per_stratum, by=maker
    )


def accepted(study: Study, *, maker: User, slots_per_stratum: int = 8) -> RandomizationList:
    """Return a list with an acceptance report; the checks themselves are other tests' business."""
    return _accepted(generated(study, maker=maker, slots_per_stratum=slots_per_stratum), maker)


def brought_on(made: RandomizationList, *, maker: User, second: User) -> RandomizationList:
    """Return a generated list that is open for allocation."""
    life.record_approval(list_id=_accepted(made, maker).pk, by=second)
    life.publish(list_id=made.pk, password=PASSWORD, by=maker)
    return life.activate(list_id=made.pk, by=second)


def _accepted(made: RandomizationList, maker: User) -> RandomizationList:
    report = seal_document({"findings": []}, report_info(made))
    return life.record_acceptance(list_id=made.pk, sealed_report=report, by=maker)


def approved(study: Study, *, maker: User, second: User, slots_per_stratum: int = 8) -> RandomizationList:
    """Return a list that a second person approved."""
    made = accepted(study, maker=maker, slots_per_stratum=slots_per_stratum)
    return life.record_approval(list_id=made.pk, by=second)


def published(study: Study, *, maker: User, second: User, slots_per_stratum: int = 8) -> RandomizationList:
    """Return a list whose commitment is published."""
    made = approved(study, maker=maker, second=second, slots_per_stratum=slots_per_stratum)
    return life.publish(list_id=made.pk, password=PASSWORD, by=maker)


def activated(study: Study, *, maker: User, second: User, slots_per_stratum: int = 8) -> RandomizationList:
    """Return a list that is open for allocation."""
    made = published(study, maker=maker, second=second, slots_per_stratum=slots_per_stratum)
    return life.activate(list_id=made.pk, by=second)
