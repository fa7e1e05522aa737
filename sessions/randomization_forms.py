"""Forms around a randomization; they check shape only, the services decide."""

from typing import Any

from django import forms

from sessions.forms import LocalForm
from studyportal.fields import MomentField

PASSWORD = forms.PasswordInput(attrs={"autocomplete": "current-password"})
CODE = forms.TextInput(
    attrs={
        "autocomplete": "one-time-code",
        "inputmode": "numeric",
        "class": "govuk-input--width-10 govuk-input--extra-letter-spacing",
    }
)
FEW_LINES = forms.Textarea(attrs={"rows": 3})


class ConfirmedForm(forms.Form):
    """One's own password and, of whom one is asked, the present code of the authenticator."""

    password = forms.CharField(
        label="Your password", widget=PASSWORD, strip=False, error_messages={"required": "Enter your password."}
    )
    code = forms.CharField(
        label="Code of your authenticator", widget=CODE, max_length=12, required=False,
        help_text="The six digits that it shows now. A code opens once.",
    )  # fmt: skip

    def __init__(self, *args: Any, asks_code: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_code:
            del self.fields["code"]


class RandomizeForm(ConfirmedForm):
    """The last look before a number is taken; `stratum` is what the page showed."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    stratum = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].error_messages["required"] = "Enter your password to randomize."


class PaperForm(ConfirmedForm, LocalForm):
    """A number that was given on paper, and how it came to that."""

    name = "paper"
    request_id = forms.UUIDField(widget=forms.HiddenInput)
    number = forms.CharField(
        label="Number from the emergency sheet", max_length=12,
        help_text="As it is printed there, for example R-0123. Enter the number that was really given.",
        widget=forms.TextInput(attrs={"class": "govuk-input--width-10", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Enter the number that was given."},
    )  # fmt: skip
    given_at = MomentField(label="Given at")
    given_by = forms.CharField(
        label="Given by", max_length=120, help_text="Name of the person who gave the number, as on the sheet",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Enter who gave the number."},
    )  # fmt: skip
    outage = forms.CharField(
        label="Why the portal could not be used", max_length=240, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say in a few words why the portal could not be used."},
    )  # fmt: skip
    was_given_so = forms.BooleanField(
        label="It was really given so. Record it with a protocol deviation.", required=False
    )
    field_order = ("number", "given_at", "given_by", "outage", "was_given_so", "password", "code")


class ErrorForm(ConfirmedForm):
    """Why a participant should not have been randomized."""

    reason = forms.CharField(
        label="What went wrong", max_length=240, widget=FEW_LINES,
        error_messages={"required": "Say what went wrong."},
    )  # fmt: skip
    field_order = ("reason", "password", "code")


class StrataForm(ConfirmedForm):
    """The right value of a factor, and why it was wrong."""

    sex = forms.ChoiceField(
        label="Sex, as it should have been recorded", widget=forms.RadioSelect,
        choices=(("F", "Female"), ("M", "Male")), error_messages={"required": "Choose female or male."},
    )  # fmt: skip
    reason = forms.CharField(
        label="Why it was wrong", max_length=240, widget=FEW_LINES,
        error_messages={"required": "Say why the record was wrong."},
    )  # fmt: skip
    field_order = ("sex", "reason", "password", "code")
