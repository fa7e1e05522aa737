"""The study's crossover design: what it is, what it costs, and another one while nothing rests on it."""

from collections.abc import Mapping

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from sessions.allocation import designs
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.forms import carried_out, form_page

KINDS = (
    ("williams", "Williams design: balanced for a first-order carry-over (AB/BA for two treatments)"),
    ("own", "A set of sequences of your own"),
)


class DesignForm(forms.Form):
    """Treatments, and how they are put in order."""

    treatments = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}), max_length=2000,
        help_text="One a line, code and name, such as A = Placebo capsule. Two to eight for a Williams design.",
        error_messages={"required": "Name the treatments, one a line."},
    )  # fmt: skip
    kind = forms.ChoiceField(
        label="Sequences", choices=KINDS, widget=forms.RadioSelect, initial="williams",
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one of the two."},
    )  # fmt: skip
    sequences = forms.CharField(
        label="Sequences of your own", required=False, widget=forms.Textarea(attrs={"rows": 4}), max_length=4000,
        help_text="One a line: the treatments in the order of the periods, such as A B B; with a code before a colon "
        "if you like.",
    )  # fmt: skip

    def clean_treatments(self) -> dict[str, str]:
        """Return names by code."""
        found: dict[str, str] = {}
        for line in self.cleaned_data["treatments"].splitlines():
            code, _, name = (part.strip() for part in line.partition("="))
            if code in found:
                msg = f"The code {code} stands twice. Give each treatment a code of its own."
                raise forms.ValidationError(msg)
            if code or name:
                found[code] = name
        return found

    @property
    def design(self) -> designs.Design:
        """The design of a valid form.

        Raises:
            InvalidInput: it cannot be made of what was typed.
        """
        if self.cleaned_data["kind"] == "williams":
            return designs.williams_design(self.cleaned_data["treatments"])
        return designs.own_design(self.cleaned_data["treatments"], self.cleaned_data["sequences"])


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.LIST_VIEW)
def design(request: StudyRequest) -> HttpResponse:
    """Show the design; try another one, and write it."""
    study, now = request.study, designs.design_of(request.study)
    may_write = Permission.LIST_GENERATE in request.permissions and not designs.why_fixed(study)
    form = DesignForm(request.POST if request.method == "POST" else None, initial=_initial(now.treatments))
    tried: designs.Design | None = None
    if request.method == "POST":
        check(request.user, Permission.LIST_GENERATE, study)
        tried = carried_out(form, lambda: form.design)
        if tried is not None and "write" in request.POST and _is_written(request, form, tried):
            messages.success(request, "The design is written. Make the randomization list for it now.")
            return redirect("design")
    context = {"design": now, "tried": tried, "may_write": may_write, "why_fixed": designs.why_fixed(study)}
    return form_page(request, "allocation/design.html", form, context)


def _is_written(request: StudyRequest, form: DesignForm, tried: designs.Design) -> bool:
    def write() -> bool:
        designs.write_design(study=request.study, design=tried, by=request.user)
        return True

    return bool(carried_out(form, write))


def _initial(treatments: Mapping[str, str]) -> dict[str, object]:
    return {"treatments": "\n".join(f"{code} = {name}" for code, name in treatments.items())}
