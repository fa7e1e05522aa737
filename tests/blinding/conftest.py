"""The twin worlds' suite connects to databases of its own, with real logins."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _databases_of_its_own(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Open the database for these tests, which bring their own connections."""
    with django_db_blocker.unblock():
        yield
