"""Published data sets, so that their published answers can be looked up."""

import json
from collections.abc import Iterator
from pathlib import Path

from mixed_models.cases import Case

DATA = Path(__file__).resolve().parent / "published.json"


def published() -> Iterator[Case]:
    """Yield every published data set with its model."""
    for row in json.loads(DATA.read_text()):
        yield Case(row["name"], row["formula"], row["columns"], row["means"])
