"""Books and supply at the vault: reconciliation by site and lot with its counts, supply by treatment for the depot."""

import csv
import io
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from sessions.allocation import kit_books, kit_prints
from sessions.allocation.kit_supply import supply
from sessions.vault_views.kit_forms import CountForm
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import NotFound
from studyportal.forms import carried_out, form_page


@require_GET
@requires(Permission.KIT_RECONCILE)
def books(request: StudyRequest) -> HttpResponse:
    """Show the books of the viewer's sites."""
    rows = kit_books.books_for(request.user, request.study)
    return render(request, "allocation/kit_books.html", {"rows": rows})


@require_GET
@requires(Permission.KIT_RECONCILE)
def books_csv(request: StudyRequest) -> HttpResponse:
    """Give the books as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(kit_books.HEADINGS)
    writer.writerows(kit_books.as_table(kit_books.books_for(request.user, request.study)))
    return attachment(text.getvalue(), f"{request.study.code}_kit_books.csv", "text/csv; charset=utf-8")


@require_GET
@requires(Permission.KIT_RECONCILE)
def books_pdf(request: StudyRequest) -> HttpResponse:
    """Print the books."""
    rows = kit_books.books_for(request.user, request.study)
    made = kit_prints.books_print(request.study, rows, by=request.user)
    return attachment(made, f"{request.study.code}_kit_books.pdf", "application/pdf")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.KIT_RECONCILE)
def count(request: StudyRequest, site_id: UUID, lot: str) -> HttpResponse:
    """Record a count of a lot's shelf by two people."""
    rows = kit_books.books_for(request.user, request.study)
    row = next((one for one in rows if one.site.pk == site_id and one.lot == lot), None)
    if row is None:
        raise NotFound("There is no such lot at your sites.")
    form = CountForm(request.POST or None, name="count")
    act = carried_out(
        form,
        lambda: kit_books.record_count(
            study=request.study, site_id=site_id, lot=lot, counted=form.cleaned_data["counted"],
            explanation=form.cleaned_data["explanation"], by=request.user, **form.signatures,
        ),
    )  # fmt: skip
    if act is None:
        return form_page(request, "allocation/kit_count.html", form, {"row": row})
    messages.success(request, f"The count of lot {lot} is on record.")
    return redirect("kit-books")


@require_GET
@requires(Permission.KIT_SUPPLY_VIEW)
def supply_page(request: StudyRequest) -> HttpResponse:
    """Show supply and need by treatment; the trail says so first."""
    return render(request, "allocation/kit_supply.html", {"sites": supply(request.study, by=request.user)})
