"""Two formats: JSON in pages, CSV whole. By `?format=` or `Accept`."""

from collections.abc import Iterable

from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer

FORMATS = ("json", "csv")


class CsvRenderer(BaseRenderer):
    """Names the format; the view itself streams the lines."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"


class Negotiation(DefaultContentNegotiation):
    """An unknown `format` is a wrong parameter (400), not a missing page."""

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:  # noqa: A002 - DRF's name
        """Return the renderers of `format`."""
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            raise ValidationError({"format": [f"Unknown format. Known ones: {', '.join(FORMATS)}."]})
        return found
