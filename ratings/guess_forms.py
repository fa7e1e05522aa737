"""The form of a guess; the order of its answers never changes."""

from collections.abc import Mapping, Sequence

from django import forms

from ratings.models import TreatmentGuess
from ratings.services.guesses import DONT_KNOW
from sessions.models import Treatment


class GuessForm(forms.Form):
    """What was given, how sure, and what it rests on."""

    treatment = forms.ChoiceField(
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the answers.", "invalid_choice": "Choose one of the answers."},
    )
    certainty = forms.ChoiceField(
        label="How sure?", required=False, choices=TreatmentGuess.Certainty.choices, widget=forms.RadioSelect,
        help_text="Not needed for “don't know”.", error_messages={"invalid_choice": "Say how sure."},
    )  # fmt: skip
    reason = forms.ChoiceField(
        label="What does it rest on most?", required=False, choices=TreatmentGuess.Reason.choices,
        widget=forms.RadioSelect, help_text="Not needed for “don't know”.",
        error_messages={"invalid_choice": "Say what it rests on most."},
    )  # fmt: skip

    def __init__(
        self, data: Mapping[str, object] | None = None, *, options: Sequence[Treatment], period: int
    ) -> None:  # fmt: skip
        super().__init__(data)
        asked = self.fields["treatment"]
        asked.label = f"Which treatment do you think was given in period {period}?"
        asked.choices = [*((str(one.pk), one.name) for one in options), (DONT_KNOW, "Don't know")]  # type: ignore[attr-defined]  # a ChoiceField
