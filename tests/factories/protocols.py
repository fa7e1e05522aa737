"""Analysis protocols for tests: drafted and signed by the real services."""

from dataclasses import replace

from sessions.analysis_protocols import terms_to_start_from
from sessions.analysis_terms import Terms
from sessions.models import AnalysisProtocol
from sessions.services import analysis_protocols as service
from tests.factories.people import PASSWORD
from tests.factories.world import World


def terms(world: World, **changes: object) -> Terms:
    """Return the terms that a new version would start from, with changes."""
    return replace(terms_to_start_from(world.study), **changes)


def drafted(world: World, *, is_exploratory: bool = False, **changes: object) -> AnalysisProtocol:
    """Draft a version as the imaging analyst."""
    return service.draft(
        study=world.study, terms=terms(world, **changes), reason="For this test", is_exploratory=is_exploratory,
        by=world.imaging_analyst,
    )  # fmt: skip


def signed(world: World, **changes: object) -> AnalysisProtocol:
    """Draft a version and sign it as the investigator."""
    return service.sign(protocol=drafted(world, **changes), password=PASSWORD, by=world.investigator)
