"""The twin worlds' suite connects to databases of its own, with real logins."""

from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage here: tens of thousands of requests through code that the other tests cover already."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(autouse=True)
def _databases_of_its_own(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Open the database for these tests, which bring their own connections."""
    with django_db_blocker.unblock():
        yield
