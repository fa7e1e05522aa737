"""The two signatures of a study's lock."""

from django import forms


def _password() -> forms.CharField:
    return forms.CharField(
        label="Your password", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "class": "govuk-input--width-20"}),
        error_messages={"required": "Enter your own password."},
    )  # fmt: skip


class AskForm(forms.Form):
    """Why, and the first password."""

    reason = forms.CharField(
        label="Why", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed to unlock, and to lock while a question is open.",
    )  # fmt: skip
    password = _password()


class ConfirmForm(forms.Form):
    """The second password."""

    password = _password()
