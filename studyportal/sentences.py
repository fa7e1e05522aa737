"""A form's errors as this portal says them: where Django's stock message would stand, a sentence that says what to do.

Forms give their own words where they have better ones (`error_messages`, `add_error`); those stay as they are.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField

CHOICES = (forms.ChoiceField, forms.ModelChoiceField)
UNCLEAR = (forms.IntegerField, forms.UUIDField)
"""Fields whose stock message for what they cannot read says too little."""

Said = Callable[[forms.Field, Mapping[str, Any]], str]  # Any: the parameters of Django's message


def spoken(field: BoundField) -> list[str]:
    """Return the sentences of a field's errors."""
    return [_sentence(field.field, error) for error in field.errors.as_data()]


def _sentence(field: forms.Field, error: ValidationError) -> str:
    code = str(error.code or "")
    if (
        code in SENTENCES
        and (code != "invalid" or isinstance(field, UNCLEAR))
        and _is_stock(field, code, error.message)
    ):
        return SENTENCES[code](field, error.params or {})
    return " ".join(map(str, error.messages))


def _is_stock(field: forms.Field, code: str, message: object) -> bool:
    """Whether a message is Django's own: of the field's class, or of one of its validators."""
    kinds = [kind for kind in type(field).__mro__ if issubclass(kind, forms.Field)]
    stock = [kind.default_error_messages[code] for kind in kinds if code in kind.default_error_messages]
    validators = [getattr(one, "message", None) for one in field.validators if getattr(one, "code", "") == code]
    return any(message == one for one in stock) or any(message is one for one in validators)


def _required(field: forms.Field, _: Mapping[str, Any]) -> str:
    if isinstance(field, forms.FileField):
        return "Choose a file."
    return "Choose one of the answers." if isinstance(field, CHOICES) else "Fill this in; it cannot stay empty."


def _invalid(field: forms.Field, _: Mapping[str, Any]) -> str:
    if isinstance(field, forms.IntegerField):
        return "Enter a whole number, in digits."
    return "This page was not sent whole. Open it again."


SENTENCES: Mapping[str, Said] = {
    "required": _required,
    "invalid": _invalid,
    "invalid_choice": lambda _field, _given: "Choose one of the answers that are offered.",
    "max_length": lambda _field, given: (
        f"Use {given['limit_value']} characters at most; these are {given['show_value']}."
    ),
    "min_length": lambda _field, given: (
        f"Use {given['limit_value']} characters at least; these are {given['show_value']}."
    ),
    "min_value": lambda _field, given: f"Enter {given['limit_value']} or more.",
    "max_value": lambda _field, given: f"Enter {given['limit_value']} or less.",
    "null_characters_not_allowed": lambda _field, _given: "Type this anew: it holds characters that cannot be seen.",
    "empty": lambda _field, _given: "This file is empty. Choose another one.",
}
