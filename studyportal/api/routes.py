"""How both doors mount the API; each passes its own tables and base view."""

from collections.abc import Sequence
from typing import Any

from django.urls import URLPattern, URLResolver, include, path
from rest_framework.views import APIView

from studyportal.api import pages
from studyportal.api.schema import described
from studyportal.api.tables import Table
from studyportal.api.views import IndexView, TableView, table_view


def mounted(tables: Sequence[Table], base: type[TableView]) -> list[URLPattern | URLResolver]:
    """Return the door's routes: the index, one route a table, the document and its page."""
    index = type("TablesView", (IndexView,), {"tables": tuple(tables), "__doc__": IndexView.__doc__})
    routes = [_route("", index, "index")]
    routes += [_route(f"{table.name}/", described(table_view(table, base)), table.name) for table in tables]
    return [
        path("v1/", include((routes, "v1"), namespace="v1")),
        path("schema/", pages.schema, name="api-schema"),
        path("docs/", pages.docs, name="api-docs"),
    ]


def _route(address: str, view: type[APIView], name: str) -> URLPattern:
    """Return a route whose view says aloud what it needs, as every view does."""
    answer = view.as_view()
    needed: Any = view.permission_classes[0]  # one of ours, by `holding` or `Member`
    answer.required_permission = needed.required_permission  # type: ignore[attr-defined]  # see `access`
    return path(address, answer, name=name)
