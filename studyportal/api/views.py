"""The views of the tables: check, filter, log the pull, answer as JSON or CSV."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from studyportal.accounts.authentication import Member, holding, study_of
from studyportal.accounts.models import ApiToken, User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can
from studyportal.accounts.step_up import check_stepped_up
from studyportal.accounts.tokens import export_permission
from studyportal.api import csv_lines, parameters
from studyportal.api.negotiation import CsvRenderer, Negotiation
from studyportal.api.tables import TYPES, Found, Table
from studyportal.api.throttle import PullThrottle
from studyportal.audit import events
from studyportal.audit.context import acting
from studyportal.errors import NotFound
from studyportal.reports.datasets import open_links
from studyportal.studies.models import Study

LONGEST_REASON = 200
REASON_CODES = ("monitoring", "safety", "analysis", "checking", "other")


class IndexView(APIView):
    """The tables that the caller may pull, with their columns: the dictionary."""

    permission_classes = [Member]
    throttle_classes = [PullThrottle]
    content_negotiation_class = Negotiation
    tables: tuple[Table, ...] = ()

    def get(self, request: Request) -> Response:
        """List the tables and their columns."""
        parameters.known(request.query_params, {"format"})
        return Response({"tables": [_described(request, table) for table in self.tables if _may(request, table)]})


class TableView(APIView):
    """One table. Subclasses are made by `table_view`, one a table and door."""

    throttle_classes = [PullThrottle]
    content_negotiation_class = Negotiation
    renderer_classes = [JSONRenderer, CsvRenderer]
    table: ClassVar[Table]
    extra_parameters: ClassVar[frozenset[str]] = frozenset()

    def get(self, request: Request) -> HttpResponseBase:
        """Answer a page of JSON, or the whole table as CSV."""
        is_csv = request.accepted_renderer.format == "csv"
        own = {"format"} if is_csv else {"format", "limit", "cursor"}
        parameters.known(request.query_params, {*self.table.filters, *own, *self.extra_parameters})
        where = None if is_csv else parameters.page(request.query_params)
        parameters.filtered(self.table, [], request.query_params)
        study = _required_study(request)
        with acting(f"user:{request.user.get_username()}", request_id=getattr(request, "request_id", "")):
            found = self.pulled(request, study)
        found = parameters.filtered(self.table, found, request.query_params)
        if where is None:
            return self._csv(study, self.table.records(chain.from_iterable(self.table.chunks(found))))
        shown, cursor = parameters.paged(self.table, found, where)
        link = replace_query_param(request.build_absolute_uri(), "cursor", cursor) if cursor else None
        return Response({"count": parameters.counted(found), "next": link, "results": list(self.table.records(shown))})

    def pulled(self, request: Request, study: Study) -> Found:
        """Log the pull in the request's transaction, which ends before the first byte is sent; return the rows."""
        events.record("data pulled", study=study.code, target=self.table.name, data=_told(request))
        return self.table.build(_person(request), study)

    def _csv(self, study: Study, records: Iterator[dict[str, Any]]) -> StreamingHttpResponse:
        response = StreamingHttpResponse(
            csv_lines.lines(self.table, records), content_type="text/csv; charset=utf-8; header=present"
        )
        response.headers["Content-Disposition"] = f'attachment; filename="{study.code}_{self.table.name}.csv"'
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


class UnblindedTableView(TableView):
    """One table at the unblinded door; `reason_code` and `reason` say in the log why it was pulled, both always."""

    extra_parameters: ClassVar[frozenset[str]] = frozenset({"reason", "reason_code"})

    def pulled(self, request: Request, study: Study) -> Found:
        """Commit the log of the pull first, then open the links and return the rows; public tables open none.

        A token was made behind a fresh second factor; whoever comes with a sign-in shows one now.
        """
        if not self.table.has_links:
            return super().pulled(request, study)
        if not isinstance(request.auth, ApiToken):
            check_stepped_up(request._request)  # noqa: SLF001 - DRF has no public name for it
        code, reason = _why(request)
        events.record_now(
            "unblinded data pulled", study=study.code, target=self.table.name,
            data={**_told(request), "reason_code": code, "reason": reason},
        )  # fmt: skip
        links = open_links(_person(request), study, reason=f"{reason}: {self.table.name}")
        return self.table.build(study, links)


def table_view(table: Table, base: type[TableView]) -> type[TableView]:
    """Return the view class of one table; the first permission is the door's right to export."""
    export = Permission.UNBLINDED_EXPORT if base is UnblindedTableView else Permission.DATA_EXPORT
    needed = tuple(dict.fromkeys((export, *table.permissions)))
    members = {"table": table, "permission_classes": [holding(*needed)], "__doc__": table.description}
    return type(f"{table.name.title().replace('_', '')}View", (base,), members)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _required_study(request: Request) -> Study:
    study = study_of(request)
    if study is None:
        raise NotFound("Choose a study first.")
    return study


def _why(request: Request) -> tuple[str, str]:
    """Return the reason's code and text; nothing is opened without both."""
    code = request.query_params.get("reason_code", "")
    reason = request.query_params.get("reason", "")[:LONGEST_REASON].strip()
    missing = {}
    if code not in REASON_CODES:
        missing["reason_code"] = [f"Say why the data are pulled, with one of: {', '.join(REASON_CODES)}."]
    if not reason:
        missing["reason"] = ["Say in your own words why the data are pulled; it is kept in the view log."]
    if missing:
        raise ValidationError(missing)
    return code, reason


def _told(request: Request) -> dict[str, object]:
    """Return what the log keeps of a pull: the format, the filters and which token it was."""
    token = request.auth.prefix if isinstance(request.auth, ApiToken) else ""
    asked = {
        name: request.query_params.getlist(name)
        for name in sorted(request.query_params)
        if not name.startswith("reason")
    }
    return {"format": request.accepted_renderer.format, "parameters": asked, "token": token}


def _may(request: Request, table: Table) -> bool:
    study = _required_study(request)
    needed = (export_permission(settings.PORTAL_DOOR), *table.permissions)
    return all(can(_person(request), permission, study) for permission in needed)


def _described(request: Request, table: Table) -> dict[str, object]:
    columns = [
        {"name": one.name, "type": TYPES[one.kind], "may_be_empty": one.may_be_empty, "description": one.description}
        for one in table.columns
    ]
    url = reverse(table.name, request=request)
    return {"name": table.name, "url": url, "description": table.description, "columns": columns}
