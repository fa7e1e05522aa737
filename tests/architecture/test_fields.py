"""Every concrete field of every own model says what it holds."""

import pytest
from django.apps import apps
from django.db import models

OWN = ("studyportal", "participants", "sessions", "ratings")
CATEGORIES = ("identifying", "blinding", "clinical", "operational")
MODELS = [model for model in apps.get_models() if model.__module__.split(".")[0] in OWN]


def categories(model: type[models.Model]) -> dict[str, tuple[str, ...]]:
    data = getattr(model, "Data", None)
    return {name: getattr(data, name) for name in CATEGORIES if hasattr(data, name)}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_field_is_classified_once(model: type[models.Model]) -> None:
    listed = [field for fields in categories(model).values() for field in fields]
    concrete = {field.name for field in model._meta.concrete_fields}
    missing = sorted(concrete - set(listed))
    assert not missing, f"add to `class Data:` of {model._meta.label}: {', '.join(missing)}"
    assert len(listed) == len(set(listed)), f"{model._meta.label} lists a field twice"
    assert set(listed) == concrete, f"{model._meta.label} lists what it does not have: {set(listed) - concrete}"
    unknown = [name for name in vars(model.Data) if not name.startswith("__") and name not in CATEGORIES]
    assert unknown == []


def test_every_own_app_has_models() -> None:
    assert {model._meta.app_label for model in MODELS} == {
        "accounts", "allocation", "audit", "participants", "ratings", "studies", "study_sessions",
    }  # fmt: skip


def test_identity_is_held_in_schema_pii_and_secrets_in_schema_alloc_only() -> None:
    for model in MODELS:
        held, table = categories(model), model._meta.db_table
        if "identifying" in held and model._meta.app_label != "accounts":
            assert table.startswith('pii"."'), model
        # The design is public; only the link of a participant to it is secret.
        if "blinding" in held and model.__module__ != "sessions.models.design":
            assert table.startswith('alloc"."'), model
