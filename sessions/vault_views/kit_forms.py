"""Forms of the kit pages; they check shape only, the services decide."""

from collections.abc import Sequence
from typing import Any

from django import forms

from sessions.allocation.kit_ledger import TWO_SIGNATURES, Movement
from sessions.allocation.kit_signing import Second
from sessions.allocation.kits import RULES, Arrival
from studyportal.fields import DateField
from studyportal.studies.models import Site

WIDE = {"class": "govuk-input--width-20"}
SHORT = forms.Textarea(attrs={"rows": 2})
SCANNER = {"autofocus": True, "autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}


def _whole(label: str, **options: Any) -> forms.IntegerField:
    field = forms.IntegerField(
        label=label, min_value=0, max_value=10_000,
        error_messages={"invalid": "Enter a whole number.", "required": "Enter a number; 0 is fine."}, **options,
    )  # fmt: skip
    field.widget.attrs["class"] = "govuk-input--width-4"
    return field


def _password(label: str = "Your password", missing: str = "Enter your own password.") -> forms.CharField:
    return forms.CharField(
        label=label, strip=False, error_messages={"required": missing},
        widget=forms.PasswordInput(attrs={"autocomplete": "off", **WIDE}),
    )  # fmt: skip


class KitForm(forms.Form):
    """One of several forms of a page: its name begins the ids of its controls."""

    def __init__(self, *args: Any, name: str = "kit", **kwargs: Any) -> None:
        kwargs["auto_id"] = f"{name}_%s"
        super().__init__(*args, **kwargs)


class SignedForm(KitForm):
    """Signed by whoever fills it in."""

    password = _password()


class TwiceSignedForm(SignedForm):
    """Signed by two people at one screen."""

    second = forms.CharField(
        label="Checked by (user name)", max_length=64,
        error_messages={"required": "Enter the second person's user name."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", **WIDE}),
    )  # fmt: skip
    second_password = _password("Their password", "The second person enters their own password.")

    @property
    def signatures(self) -> dict[str, Any]:
        """What the services take: the password and the second person of a valid form."""
        data = self.cleaned_data
        return {"password": data["password"], "second": Second(data["second"], data["second_password"])}


class ShipmentForm(KitForm):
    """What leaves the depot."""

    site = forms.ChoiceField(
        error_messages={"required": "Choose the site.", "invalid_choice": "Choose one of the sites."}
    )
    lot = forms.CharField(
        label="Lot number", max_length=20, help_text="As printed; one lot for every treatment.",
        error_messages={"required": "Enter the lot number as it is printed."}, widget=forms.TextInput(attrs=WIDE),
    )  # fmt: skip
    expires_on = DateField(label="Expiry", help_text="The last day of use, the same on every kit.")
    storage = forms.CharField(
        label="Storage", max_length=60, help_text="Such as 15 to 25 °C, protect from light.",
        error_messages={"required": "Enter how the kits are stored."},
    )  # fmt: skip
    kits_per_treatment = _whole("Kits of each treatment", help_text="The same number of each, so that no count tells.")

    def __init__(self, *args: Any, sites: Sequence[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].choices = [("", "Choose"), *((str(site.pk), str(site)) for site in sites)]  # type: ignore[attr-defined]  # a ChoiceField
        self._sites = {str(site.pk): site for site in sites}

    @property
    def values(self) -> dict[str, Any]:
        """What the service takes, of a valid form."""
        return {**self.cleaned_data, "site": self._sites[self.cleaned_data["site"]]}


class ReceiveForm(SignedForm):
    """What was found when a shipment was unpacked."""

    counted = _whole("Kits counted")
    condition = forms.CharField(
        label="Condition of the box and the seal", max_length=120,
        error_messages={"required": "Say what the box and its seal looked like."},
    )  # fmt: skip
    not_arrived = forms.CharField(
        label="Numbers that are missing", required=False, max_length=4000, widget=SHORT,
        help_text="Scan or type one on a line; leave empty when all are there.",
    )  # fmt: skip
    damaged = forms.CharField(
        label="Numbers of damaged kits", required=False, max_length=4000, widget=SHORT,
        help_text="They wait in quarantine.",
    )  # fmt: skip
    had_excursion = forms.BooleanField(label="The temperature left its range on the way", required=False)
    temperature = forms.CharField(label="Lowest and highest reading, and for how long", required=False, max_length=120)
    field_order = ("counted", "condition", "not_arrived", "damaged", "had_excursion", "temperature", "password")

    @property
    def arrival(self) -> Arrival:
        """What was found, of a valid form."""
        return Arrival(**{key: value for key, value in self.cleaned_data.items() if key != "password"})


class FindForm(KitForm):
    """A kit's number, typed or scanned."""

    number = forms.CharField(
        label="Scan or type a kit number", max_length=20, error_messages={"required": "Scan or type a kit number."},
        widget=forms.TextInput(attrs={**SCANNER, "class": "govuk-input--width-10 scan"}),
    )  # fmt: skip


class ScanForm(KitForm):
    """The number of the kit in the pharmacist's hand."""

    scanned = forms.CharField(
        label="Scan the kit", max_length=20, error_messages={"required": "Scan the kit, or type its number."},
        widget=forms.TextInput(attrs={**SCANNER, "class": "govuk-input--width-10 scan"}),
    )  # fmt: skip


class DispenseForm(TwiceSignedForm):
    """Both signatures under a kit that was scanned."""

    scanned = forms.CharField(max_length=20, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget.attrs["autofocus"] = True


class PutBackForm(KitForm):
    """Why a picked kit goes back."""

    reason = forms.CharField(
        max_length=240, widget=SHORT, error_messages={"required": "Say why the kit goes back."}
    )  # fmt: skip


class ContentForm(SignedForm):
    """One's own password, to see what a kit holds."""


class RecallForm(TwiceSignedForm):
    """Which lot is recalled, and why."""

    lot = forms.ChoiceField(error_messages={"required": "Choose the lot.", "invalid_choice": "Choose one of the lots."})
    reason = forms.CharField(
        max_length=240, widget=SHORT, error_messages={"required": "Say why the lot is recalled."},
        help_text="It is sent to pharmacies and investigators: name no treatment.",
    )  # fmt: skip
    field_order = ("lot", "reason", "password", "second", "second_password")

    def __init__(self, *args: Any, lots: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lot"].choices = [("", "Choose"), *((lot, lot) for lot in lots)]  # type: ignore[attr-defined]  # a ChoiceField


class DestroyForm(TwiceSignedForm):
    """Which kits are destroyed, under which certificate."""

    numbers = forms.CharField(
        label="Kit numbers", max_length=8000, help_text="Scan or type one on a line.",
        widget=forms.Textarea(attrs={"rows": 5, **SCANNER}),
        error_messages={"required": "Scan or type the numbers of the kits."},
    )  # fmt: skip
    certificate = forms.CharField(
        label="Number of the certificate of destruction", max_length=60, widget=forms.TextInput(attrs=WIDE),
        error_messages={"required": "Enter the number of the certificate of destruction."},
    )  # fmt: skip
    field_order = ("numbers", "certificate", "password", "second", "second_password")


class CountForm(TwiceSignedForm):
    """What two people counted on a lot's shelf."""

    counted = _whole("Kits counted on the shelf")
    explanation = forms.CharField(
        label="Explanation, when it differs from the books", required=False, max_length=240, widget=SHORT
    )
    field_order = ("counted", "explanation", "password", "second", "second_password")


def move_form(movement: Movement, data: Any = None) -> forms.Form:
    """Return the form of a movement by hand: its reason or count, and as many signatures as it needs."""
    rule = RULES[movement]
    base: type[KitForm] = KitForm
    if rule.needs_password:
        base = TwiceSignedForm if movement in TWO_SIGNATURES else SignedForm
    form = base(data, name=movement.value)
    first: dict[str, forms.Field] = {}
    if movement is Movement.RETURNED:
        first["units"] = _whole("Capsules that came back")
    if movement is Movement.DESTROYED:
        first["certificate"] = DestroyForm.base_fields["certificate"]
    first["reason"] = forms.CharField(
        label="What happened" if rule.needs_reason else "Note", max_length=240, required=rule.needs_reason,
        widget=forms.Textarea(attrs={"rows": 2}), error_messages={"required": "Say in a few words what happened."},
    )  # fmt: skip
    form.fields = {**first, **form.fields}
    return form


def moved(movement: Movement, form: forms.Form) -> dict[str, Any]:
    """Return what the service takes, of a valid `move_form`."""
    data = form.cleaned_data
    signed = form.signatures if isinstance(form, TwiceSignedForm) else {"password": data.get("password", "")}
    return {
        "movement": movement, "reason": data.get("reason", ""), "units": data.get("units"),
        "certificate": data.get("certificate", ""), **signed,
    }  # fmt: skip
