"""Forms of the list pages."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from django import forms

from sessions.allocation.generation import Settings
from sessions.allocation.policies import MOST_SLOTS_PER_STRATUM
from sessions.randomization import Generator, Method
from sessions.randomization.minimization import Measure

METHODS = (
    (Method.BIG_STICK.value, "Big stick: fair draws until one sequence is too far ahead (harder to guess)"),
    (Method.PERMUTED_BLOCKS.value, "Permuted blocks: every block holds each sequence in its share"),
    (Method.SIMPLE.value, "Simple: every draw by itself (nothing to guess, balance not promised)"),
    (Method.MINIMIZATION.value, "Minimization: a biased coin for the sequence that balances the newcomer's factors"),
    (Method.UPLOADED_LIST.value, "Uploaded list: made by your unit, as CSV"),
)
GENERATORS = (
    (Generator.HMAC_DRBG.value, "HMAC_DRBG with SHA-256 (NIST SP 800-90A)"),
    (Generator.CHACHA20.value, "ChaCha20 (RFC 8439)"),
)
MEASURES = (
    (Measure.RANGE.value, "Range"),
    (Measure.VARIANCE.value, "Variance"),
    (Measure.SD.value, "Standard deviation"),
)
FACTORS = (("site", "Site"), ("sex", "Sex"))
WEIGHT = {"invalid": "Enter a whole number, such as 1."}
NARROW = "govuk-input--width-3"
MOST_SHARE = 20


def number(label: str, *, initial: int, least: int, most: int, hint: str = "", required: bool = False) -> Any:
    """Return a field for a whole number, three digits wide."""
    wrong = f"Enter a whole number, such as {initial}."
    return forms.IntegerField(
        label=label, initial=initial, min_value=least, max_value=most, help_text=hint, required=required,
        widget=forms.NumberInput(attrs={"class": NARROW}), error_messages={"invalid": wrong, "required": wrong},
    )  # fmt: skip


class NewListForm(forms.Form):
    """How a list is to be made; the strata come from the study's factors and are not typed."""

    method = forms.ChoiceField(
        choices=METHODS, widget=forms.RadioSelect, initial=Method.BIG_STICK.value,
        error_messages={"required": "Choose a method.", "invalid_choice": "Choose one of the methods."},
    )  # fmt: skip
    tolerance = number(
        "Largest imbalance", initial=3, least=1, most=20,
        hint="How far one sequence may be ahead of another in a stratum.",
    )  # fmt: skip
    block_sizes = forms.CharField(
        label="Block sizes", required=False, initial="2, 4", max_length=40,
        help_text="One size, or several with commas: each block's size is drawn from them.",
        widget=forms.TextInput(attrs={"class": "govuk-input--width-10"}),
    )  # fmt: skip
    ratio = forms.CharField(
        label="Ratio of the sequences", required=False, max_length=40,
        help_text="Empty for equal shares; such as 2:1, in the order of the sequences.",
        widget=forms.TextInput(attrs={"class": "govuk-input--width-5"}),
    )  # fmt: skip
    factors = forms.MultipleChoiceField(
        choices=FACTORS, required=False, widget=forms.CheckboxSelectMultiple, initial=["site", "sex"],
        error_messages={"invalid_choice": "Choose factors of this study."},
    )  # fmt: skip
    weight_site = number("Weight of the site", initial=1, least=1, most=100)
    weight_sex = number("Weight of the sex", initial=1, least=1, most=100)
    measure = forms.ChoiceField(
        label="Imbalance is measured by", choices=MEASURES, required=False, widget=forms.RadioSelect,
        initial=Measure.RANGE.value, error_messages={"invalid_choice": "Choose one of the measures."},
    )  # fmt: skip
    probability = forms.DecimalField(
        label="Probability of the biased coin", required=False, initial="0.8", min_value=0, max_value=1,
        help_text="From 0.7 to 0.9: with 1 the next sequence would be certain.",
        widget=forms.NumberInput(attrs={"class": NARROW, "step": "0.05"}),
        error_messages={"invalid": "Enter a number from 0.7 to 0.9, such as 0.8."},
    )  # fmt: skip
    file = forms.FileField(
        label="List as CSV", required=False, allow_empty_file=True,
        help_text="Columns stratum, sequence and, if you number your list, number. Rows are allocated in their order.",
    )  # fmt: skip
    slots_per_stratum = number(
        "Slots per stratum", initial=20, least=1, most=MOST_SLOTS_PER_STRATUM,
        hint="More than a stratum will ever need: an unused slot costs nothing.",
    )  # fmt: skip
    generator = forms.ChoiceField(
        label="Generator of random bytes", choices=GENERATORS, required=False, widget=forms.RadioSelect,
        initial=Generator.HMAC_DRBG.value, error_messages={"invalid_choice": "Choose one of the generators."},
    )  # fmt: skip

    def __init__(
        self, data: Any = None, files: Any = None, *, sequences: Sequence[str], levels: Mapping[str, Sequence[str]],
        initial: dict[str, Any] | None = None, takes_files: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(data, files, initial=initial)
        self._sequences, self._levels = sequences, levels
        if not takes_files:  # a draft that exists has settings; a list of one's own comes in at once
            self.fields["method"].choices = [one for one in METHODS if one[0] != Method.UPLOADED_LIST]  # type: ignore[attr-defined]  # a choice field

    def clean_block_sizes(self) -> list[int]:
        """Return the sizes; whether they hold the shares is checked with the ratio."""
        text = self.cleaned_data["block_sizes"].strip()
        if self.data.get("method") != Method.PERMUTED_BLOCKS or not text:
            return []
        parts = [part for part in re.split(r"[\s,;]+", text) if part]
        if not all(re.fullmatch(r"\d{1,3}", part) for part in parts):
            raise forms.ValidationError("Enter whole numbers with commas between them, such as 2, 4.")
        return [int(part) for part in parts]

    def clean_ratio(self) -> list[int]:
        """Return the shares; none for equal ones."""
        text = self.cleaned_data["ratio"].strip()
        if self.data.get("method") not in {Method.PERMUTED_BLOCKS, Method.SIMPLE} or not text:
            return []
        parts = [part for part in re.split(r"[\s:,;]+", text) if part]
        if not all(re.fullmatch(r"\d{1,2}", part) and 1 <= int(part) <= MOST_SHARE for part in parts):
            msg = f"Enter whole numbers from 1 to {MOST_SHARE} with colons between them, such as 2:1."
            raise forms.ValidationError(msg)
        if len(parts) != len(self._sequences):
            msg = f"The study has {len(self._sequences)} sequences: enter {len(self._sequences)} numbers."
            raise forms.ValidationError(msg)
        shares = [int(part) for part in parts]
        return shares if len(set(shares)) > 1 else []

    def clean(self) -> dict[str, object]:
        """Ask for the settings of the chosen method."""
        cleaned = super().clean() or {}
        method = cleaned.get("method")
        if method == Method.PERMUTED_BLOCKS:
            self._check_blocks(cleaned)
        if method == Method.BIG_STICK and cleaned.get("tolerance") is None and "tolerance" not in self.errors:
            self.add_error("tolerance", "Enter the largest imbalance, such as 3.")
        if method == Method.MINIMIZATION:
            self._check_minimization(cleaned)
        if method == Method.UPLOADED_LIST and not cleaned.get("file") and "file" not in self.errors:
            self.add_error("file", "Choose the file with your list.")
        is_listed = method not in {Method.MINIMIZATION, Method.UPLOADED_LIST}
        if is_listed and cleaned.get("slots_per_stratum") is None and "slots_per_stratum" not in self.errors:
            self.add_error("slots_per_stratum", "Enter how many slots.")
        return cleaned

    def _check_blocks(self, cleaned: Mapping[str, Any]) -> None:
        sizes, slots, shares = cleaned.get("block_sizes"), cleaned.get("slots_per_stratum"), cleaned.get("ratio")
        if sizes == []:
            self.add_error("block_sizes", "Enter at least one block size.")
        whole = sum(shares) if shares else len(self._sequences)
        for size in sizes or ():
            if whole and (size == 0 or size % whole):
                what = (
                    f"{whole} sequences equally often"
                    if not shares
                    else f"the sequences {':'.join(str(share) for share in shares)}"
                )
                msg = f"A block of {size} cannot hold {what}. Use multiples of {whole}."
                self.add_error("block_sizes", msg)
                return
        if sizes and slots and max(sizes) > slots:
            msg = f"A block of {max(sizes)} does not fit into {slots} slots. Use smaller blocks or more slots."
            self.add_error("block_sizes", msg)

    def _check_minimization(self, cleaned: Mapping[str, Any]) -> None:
        chosen = cleaned.get("factors")
        if not chosen and "factors" not in self.errors:
            self.add_error("factors", "Choose at least one factor.")
        for factor in chosen or ():
            if len(self._levels[factor]) < 2:
                self.add_error("factors", f"The factor {factor} has one level only, so it balances nothing. Leave it.")
            if cleaned.get(f"weight_{factor}") is None and f"weight_{factor}" not in self.errors:
                self.add_error(f"weight_{factor}", "Enter a whole number, such as 1.")
        probability = cleaned.get("probability")
        if "probability" not in self.errors and (probability is None or not 7 <= 10 * probability <= 9):
            self.add_error("probability", "Enter a number from 0.7 to 0.9, such as 0.8.")

    @property
    def settings(self) -> Settings:
        """The settings of a valid form."""
        cleaned = self.cleaned_data
        method = Method(cleaned["method"])
        is_listed = method.is_drawn_from_seed
        return Settings(
            method=method,
            parameters=self._parameters(method, cleaned),
            slots_per_stratum=cleaned["slots_per_stratum"] if is_listed else 0,
            generator=Generator(cleaned["generator"] or Generator.HMAC_DRBG),
        )

    def _parameters(self, method: Method, cleaned: Mapping[str, Any]) -> dict[str, object]:
        ratio = {"ratio": cleaned["ratio"]} if cleaned["ratio"] else {}
        if method is Method.BIG_STICK:
            return {"tolerance": cleaned["tolerance"]}
        if method is Method.PERMUTED_BLOCKS:
            return {"block_sizes": cleaned["block_sizes"], **ratio}
        if method is Method.MINIMIZATION:
            factors = cleaned["factors"]
            return {
                "factors": {factor: list(self._levels[factor]) for factor in factors},
                "weights": {factor: cleaned[f"weight_{factor}"] for factor in factors},
                "measure": cleaned["measure"] or Measure.RANGE.value,
                "probability": str(cleaned["probability"].normalize()),
            }
        return ratio if method is Method.SIMPLE else {}


def typed_from(method: str, parameters: Mapping[str, Any], slots: int, generator: str) -> dict[str, Any]:
    """Return what one would type for these settings: the initial values of a draft that is changed."""
    return {
        "method": method,
        "tolerance": parameters.get("tolerance", 3),
        "block_sizes": ", ".join(str(size) for size in parameters.get("block_sizes", (2, 4))),
        "ratio": ":".join(str(share) for share in parameters.get("ratio", ())),
        "factors": list(parameters.get("factors", ("site", "sex"))),
        **{f"weight_{factor}": parameters.get("weights", {}).get(factor, 1) for factor, _ in FACTORS},
        "measure": parameters.get("measure", Measure.RANGE.value),
        "probability": float(Fraction(str(parameters.get("probability", "0.8")))),
        "slots_per_stratum": slots or 20,
        "generator": generator,
    }


class PasswordForm(forms.Form):
    """One's own password, to sign."""

    password = forms.CharField(
        label="Your password", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "class": "govuk-input--width-20"}),
        error_messages={"required": "Enter your own password."},
    )  # fmt: skip


class CloseForm(PasswordForm):
    """Why a list is closed, with one's own password."""

    reason = forms.CharField(
        label="Reason", max_length=240, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why no more is to be allocated from this list."},
    )  # fmt: skip
    field_order = ("reason", "password")


class TakeInForm(forms.Form):
    """The file of the offline command."""

    file = forms.FileField(
        label="File of the offline command", allow_empty_file=True,
        error_messages={"required": "Choose the file that the offline command wrote."},
    )  # fmt: skip


class StepForm(forms.Form):
    """Nothing to type: a step that is taken by pressing its button; carries the sentence when it is refused."""


class AnnounceForm(PasswordForm):
    """Why all lists are revealed, with one's own password."""

    reason = forms.CharField(
        label="Reason", max_length=240, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why the lists are revealed now, such as the end of the analysis."},
    )  # fmt: skip
    field_order = ("reason", "password")
