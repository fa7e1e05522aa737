"""Who replaces whom, and the numbers that wait to be drawn."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from participants.models import Participant
from sessions.allocation import minimizing, replacement, vault_worker
from sessions.vault_views.forms import PasswordForm
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.accounts.step_up import steps_up
from studyportal.forms import carried_out, form_page

WAYS = (
    ("next", "The next row: randomized like anybody else"),
    ("mirrored", "Mirrored: the same sequence as the one who left, outside the committed list"),
)
CHOOSE = {"required": "Choose a participant.", "invalid_choice": "Choose a participant from the list."}


class ReplacementForm(PasswordForm):
    """Who left, who comes, by which way, why, and one's own password."""

    replaced = forms.TypedChoiceField(
        label="Who withdrew", coerce=UUID, error_messages=CHOOSE,
        help_text="Randomized, withdrawn, and replaced by nobody yet.",
    )  # fmt: skip
    participant = forms.TypedChoiceField(
        label="Who replaces", coerce=UUID, error_messages=CHOOSE,
        help_text="In screening, of the same site and stratum.",
    )  # fmt: skip
    way = forms.ChoiceField(
        label="How", choices=WAYS, initial="next", widget=forms.RadioSelect,
        error_messages={"required": "Choose how.", "invalid_choice": "Choose one of the two."},
    )  # fmt: skip
    reason = forms.CharField(
        label="Reason", max_length=240, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why the participant is replaced."},
    )  # fmt: skip
    field_order = ("replaced", "participant", "way", "reason", "password")

    def __init__(
        self, data: Mapping[str, object] | None, *, leavers: Iterable[Participant], newcomers: Iterable[Participant]
    ) -> None:
        super().__init__(data)
        for name, people in (("replaced", leavers), ("participant", newcomers)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", "Choose"), *((str(one.pk), _words(one)) for one in people)]


def _words(participant: Participant) -> str:
    return f"{participant.number}, {participant.site}, {participant.get_sex_display().lower()}"


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.REPLACEMENT_ARRANGE)
@steps_up
def replacements(request: StudyRequest) -> HttpResponse:
    """Show what is arranged and what waits; arrange one more."""
    form = ReplacementForm(
        request.POST if request.method == "POST" else None,
        leavers=replacement.who_can_be_replaced(request.user, request.study),
        newcomers=replacement.who_can_replace(request.user, request.study),
    )

    def act() -> bool:
        given = dict(form.cleaned_data)
        is_mirrored = given.pop("way") == "mirrored"
        replacement.arrange(study=request.study, is_mirrored=is_mirrored, by=request.user, **given)
        return True

    if request.method == "POST" and carried_out(form, act):
        messages.success(request, "The replacement is arranged. The site randomizes the participant as usual.")
        return redirect("replacements")
    context = {
        "rows": replacement.replacements_for(request.user, request.study),
        "waiting": minimizing.waiting_for(request.user, request.study),
        "is_worker_running": vault_worker.is_running(),
        "can_arrange": len(form.fields["replaced"].choices) > 1 and len(form.fields["participant"].choices) > 1,  # type: ignore[attr-defined]  # both are choices
    }
    return form_page(request, "allocation/replacements.html", form, context)
