"""How Django renders forms, and how a service's refusal becomes errors on one."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from django import forms
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from studyportal.errors import InvalidInput, InvalidState

T = TypeVar("T")


class PortalFormRenderer(TemplatesSetting):
    """Fields with label, hint, error and control in the design system's markup."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"


def carried_out(form: forms.Form, act: Callable[[], T]) -> T | None:
    """Return what `act` returns when the form is valid; a refusal becomes the form's errors and None.

    What the person may not do or know is not an error of the form; it goes on to the page that says so.
    """
    if not form.is_valid():
        return None
    try:
        return act()
    except InvalidInput as refusal:
        beside = {name: text for name, text in refusal.fields.items() if name in form.fields}
        for name, text in beside.items():
            form.add_error(name, text)
        if len(beside) < len(refusal.fields) or not beside:
            form.add_error(None, refusal.message)
    except InvalidState as refusal:
        form.add_error(None, refusal.message)
    return None


def form_page(
    request: HttpRequest, template: str, form: forms.Form, context: Mapping[str, object] | None = None
) -> HttpResponse:
    """Render a page with a form: 422 with everything as it was typed when the form was refused, else 200."""
    status = 422 if form.is_bound and form.errors else 200
    return render(request, template, {"form": form, **(context or {})}, status=status)
