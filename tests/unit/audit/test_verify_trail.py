"""The command that walks the trail."""

import io

import pytest
from django.core.management import CommandError, call_command

from studyportal.audit import verify
from tests.conftest import database_role
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def test_a_whole_trail_is_counted(world: World) -> None:
    out = io.StringIO()
    with database_role("portal_owner"):
        count = len(list(verify.links()))
        call_command("verify_trail", stdout=out)
    assert out.getvalue() == f"{count} changes, every chain whole.\n"


def test_a_cut_chain_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with database_role("portal_owner"):
        chain = list(verify.links())
        monkeypatch.setattr(verify, "links", lambda: iter(chain[:-1]))
        with pytest.raises(CommandError, match=r"does not end where its head says|are missing"):
            call_command("verify_trail", stdout=io.StringIO())
