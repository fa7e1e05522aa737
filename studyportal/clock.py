"""The portal's clock."""

import datetime


def now() -> datetime.datetime:
    """Aware UTC time."""
    return datetime.datetime.now(datetime.UTC)
