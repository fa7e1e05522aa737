"""OpenAPI 3.1 of each door, made from the tables; the blinded document knows no word of the unblinded one."""

import datetime
import functools
from typing import Any
from uuid import UUID

from django.urls import include, path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers

from studyportal.api.parameters import DEFAULT_LIMIT, LONGEST_PAGE
from studyportal.api.tables import Column, Table
from studyportal.api.views import REASON_CODES, IndexView, TableView

URLS = {"web": "studyportal.api.urls", "vault": "studyportal.api.vault_urls"}
TITLES = {"web": "Crossover study data API", "vault": "Crossover study data API, treatment visible"}
ABOUT = {
    "web": (
        "Tables of the study as JSON in pages or CSV whole. Every request needs a personal token "
        "(`Authorization: Bearer sp_...`) and is written to the study's trail."
    ),
    "vault": (
        "The same tables with sequence and treatment. Every request needs a personal token of this door and is "
        "written to the view log before the data are read."
    ),
}

FIELDS: dict[type, type[serializers.Field[Any, Any, Any, Any]]] = {
    str: serializers.CharField, int: serializers.IntegerField, float: serializers.FloatField,
    bool: serializers.BooleanField, UUID: serializers.UUIDField, datetime.datetime: serializers.DateTimeField,
    datetime.date: serializers.DateField,
}  # fmt: skip

SAID = {
    "participant": "Only this participant. Twice: either.",
    "period": "Only this period.",
    "session": "Only this session of each participant.",
    "site": "Only this site, by its code.",
    "reason": "Why the data are pulled, in your own words; kept in the view log.",
    "reason_code": f"Why the data are pulled: one of {', '.join(REASON_CODES)}.",
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular is half typed
    """Tells the document how a token is sent."""

    target_class = "studyportal.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        del auto_schema
        return {"type": "http", "scheme": "bearer", "description": "A personal token, made on your account page."}


class FieldError(serializers.Serializer[dict[str, str]]):
    """One value that breaks a rule."""

    pointer = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[dict[str, str]]):
    """An error (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    trace_id = serializers.CharField()
    errors = FieldError(many=True, required=False)  # type: ignore[assignment]  # the problem's own field hides DRF's


class ColumnEntry(serializers.Serializer[dict[str, str]]):
    """One column of a table."""

    name = serializers.CharField()
    type = serializers.CharField()
    may_be_empty = serializers.BooleanField()
    description = serializers.CharField()


class TableEntry(serializers.Serializer[dict[str, str]]):
    """One table that the caller may pull."""

    name = serializers.CharField()
    url = serializers.CharField()
    description = serializers.CharField()
    columns = ColumnEntry(many=True)


class Index(serializers.Serializer[dict[str, str]]):
    """The dictionary of what the caller may pull."""

    tables = TableEntry(many=True)


PROBLEMS = {
    (status, "application/problem+json"): OpenApiResponse(Problem, description=said)
    for status, said in (
        (400, "A parameter is unknown or has a wrong value"),
        (401, "The token is missing, unknown at this door, expired or revoked"),
        (403, "The person's role does not include this table"),
        (406, "No such format"),
        (429, "Too many requests; Retry-After says how long to wait"),
    )
}

described_index = extend_schema_view(
    get=extend_schema(
        operation_id="tables", tags=["tables"], summary="The tables and their columns", parameters=[],
        responses={200: Index, **PROBLEMS},
    )
)  # fmt: skip


def described(view: type[TableView]) -> type[TableView]:
    """Return a table's view with its operation described."""
    table = view.table
    names = [*table.filters, *sorted(view.extra_parameters)]
    asked = [
        OpenApiParameter(
            name, int if name in {"period", "session"} else str, description=SAID[name],
            required=name in view.extra_parameters, enum=REASON_CODES if name == "reason_code" else None,
        )
        for name in names
    ]  # fmt: skip
    asked += [
        OpenApiParameter("limit", int, description=f"Rows a page, at most {LONGEST_PAGE}; {DEFAULT_LIMIT} if not said"),
        OpenApiParameter("cursor", str, description="Where the page begins: follow `next` instead of making one"),
        OpenApiParameter("format", str, enum=["json", "csv"], description="csv streams the whole table"),
    ]
    operation = extend_schema(
        operation_id=table.name, summary=table.description, parameters=asked, tags=["tables"],
        responses={
            (200, "application/json"): _page(table),
            (200, "text/csv"): OpenApiResponse(str, description="Header and rows; UTF-8"),
            **PROBLEMS,
        },
    )  # fmt: skip
    return extend_schema_view(get=operation)(view)


@functools.cache
def document(door: str) -> dict[str, Any]:
    """Return the OpenAPI document of a door."""
    generator = SchemaGenerator(patterns=[path("api/", include(URLS[door]))], api_version="v1")  # type: ignore[no-untyped-call]  # half typed
    made: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # half typed
    made["info"] |= {"title": TITLES[door], "description": ABOUT[door]}
    return made


def _page(table: Table) -> type[serializers.BaseSerializer[Any]]:
    name = "".join(part.capitalize() for part in table.name.split("_"))
    row = type(f"{name}Row", (serializers.Serializer,), {one.name: _field(one) for one in table.columns})
    row.__doc__ = table.description
    members = {
        "count": serializers.IntegerField(help_text="Rows that match, on all pages"),
        "next": serializers.URLField(allow_null=True, help_text="The next page, or null on the last one"),
        "results": row(many=True),
        "__doc__": f"A page of {table.name}.",
    }
    return type(f"{name}Page", (serializers.Serializer,), members)


def _field(column: Column) -> serializers.Field[Any, Any, Any, Any]:
    return FIELDS[column.kind](allow_null=column.may_be_empty, help_text=column.description)


described_index(IndexView)
