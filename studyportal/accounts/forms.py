"""Forms of the account pages; they check shape only, the services decide."""

from typing import Any

from allauth.account.forms import LoginForm
from django import forms

from studyportal.accounts.roles import DESCRIPTIONS, Role
from studyportal.accounts.tokens import LONGEST
from studyportal.studies.models import Study


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """User name and password, in the portal's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "User name"
        self.fields["login"].widget.attrs.pop("placeholder", None)
        self.fields["password"].widget.attrs.pop("placeholder", None)


class TokenForm(forms.Form):
    """What a token is for and how long it lives."""

    name = forms.CharField(
        label="What is it for?", max_length=60, help_text="For example: R scripts on the office computer"
    )
    days = forms.IntegerField(
        label="Days it lives",
        initial=30,
        help_text=f"1 to {LONGEST.days}. It stops by itself afterwards.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "govuk-input--width-3"}),
    )


class RoleForm(forms.Form):
    """A role for a person, at one site or at all."""

    username = forms.CharField(label="User name", max_length=64, help_text="As the person signs in")
    role = forms.ChoiceField(
        label="Role", choices=[("", "Choose a role")] + [(r.value, f"{r.label}: {DESCRIPTIONS[r]}") for r in Role]
    )
    site = forms.ChoiceField(label="Site", required=False)

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = [(site.code, f"{site.code} {site.name}") for site in study.sites.all()]
        self.fields["site"].choices = [("", "All sites"), *sites]  # type: ignore[attr-defined]  # a ChoiceField


def show_refusal(form: forms.Form, message: str, fields: dict[str, str]) -> None:
    """Put a refusal beside the fields that it names, or over the form."""
    known = {name: text for name, text in fields.items() if name in form.fields}
    for name, text in known.items():
        form.add_error(name, text)
    if not known:
        form.add_error(None, message)
