"""What a kit's page shows: the same whether it is asked for or answers a refused form."""

from collections.abc import Mapping
from dataclasses import dataclass

from django import forms
from django.http import HttpResponse

from sessions.allocation.kit_contents import may_know
from sessions.allocation.kit_ledger import SPENT, TWO_SIGNATURES, Movement, State, may_follow
from sessions.allocation.kit_selectors import kit_for
from sessions.allocation.kits import RULES
from sessions.vault_views.kit_forms import ContentForm, move_form
from studyportal.accounts.access import StudyRequest
from studyportal.accounts.selectors import permissions_by_site
from studyportal.forms import form_page

SUMMARIES: Mapping[Movement, str] = {
    Movement.RETURNED: "Record the return",
    Movement.QUARANTINED: "Put into quarantine",
    Movement.RELEASED: "Release from quarantine",
    Movement.BROKEN: "Report broken or unusable",
    Movement.LOST: "Report missing",
    Movement.FOUND: "Record that it was found",
    Movement.DESTROYED: "Record the destruction",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """An act that this person may do on this kit now."""

    movement: Movement
    form: forms.Form

    @property
    def summary(self) -> str:
        """What the form does."""
        return SUMMARIES[self.movement]

    @property
    def needs_two(self) -> bool:
        """Whether a second person signs."""
        return self.movement in TWO_SIGNATURES


def kit_page(
    request: StudyRequest,
    number: str,
    *,
    refused: Mapping[Movement, forms.Form] | None = None,
    content_form: forms.Form | None = None,
    content: str = "",
) -> HttpResponse:
    """Render the page; `refused` holds a form to show again as it was typed (422)."""
    kit, state, lines = kit_for(request.user, request.study, number)
    may = permissions_by_site(request.user, request.study)[kit.shipment.site_id]
    again = dict(refused or {})
    is_spent = any(line.movement in SPENT for line in lines)
    offers = [
        Offer(movement, again.get(movement) or move_form(movement))
        for movement in SUMMARIES
        if movement in again
        or (
            RULES[movement].permission in may
            and may_follow(movement, state, is_spent=is_spent)
            and not (movement is Movement.DESTROYED and state is State.IN_STOCK)  # by the lot, once it has expired
        )
    ]
    knows = may_know(kit, request.user)
    told = next((form for form in (*again.values(), content_form) if form is not None), forms.Form())
    context = {
        "kit": kit, "state": state, "lines": lines, "offers": offers, "knows": knows, "content": content,
        "content_form": content_form or ContentForm(name="content"), "refused": [*again],
    }  # fmt: skip
    return form_page(request, "allocation/kit.html", told, context)
