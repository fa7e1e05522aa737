"""Every address of the blinded door, who may open it, and what its parameters may name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from studyportal.accounts.roles import BLINDED_ROLES, ROLE_PERMISSIONS, Permission, Role
from tests.factories.worlds import Twin

ROLES = tuple(sorted(role.value for role in BLINDED_ROLES))
PEOPLE = (*ROLES, "second_rater", "south_coordinator", "outsider", "anonymous")
NOBODY = "00000000-0000-4000-8000-000000000000"
PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")

# What a parameter may name: existing (several states and sites), missing, and another study's.
PARTICIPANTS = ("XO-001", "XO-006", "XO-008", "XO-009", "XO-004", "YO-001")
SESSIONS = (("XO-001", "1"), ("XO-003", "1"), ("XO-002", "2"), ("XO-004", "1"), ("XO-001", "9"), ("XO-999", "1"))
PERIODS = ("1", "2", "9")
SAME_KIND = 5
FIGURES = ("recruitment", "snr", "unknown")
RUN_TABLES = ("series", "transients", "unknown")
KINDS = ("infusion", "pretreatment", "unknown")
KEYS = {"spectrum_id": "spectrum", "run_id": "run", "upload_id": "upload", "alert_id": "alert", "basis_id": "basis",
        "membership_id": "membership", "code": "code", "prefix": "prefix", "version": "version",
        "batch_id": "batch", "act_id": "act", "message_id": "message"}  # fmt: skip
MISSING = {"code": "nosuchcode", "prefix": "nosuchcode", "version": "99"}


@dataclass(frozen=True, slots=True)
class Route:
    """One URL pattern and the permissions that open it."""

    template: str
    name: str
    needed: Any

    def opens_for(self, role: str) -> bool:
        """Whether the role's permissions open this route."""
        if self.needed == "public":
            return True
        if role == "anonymous":
            return False
        if self.needed in {"signed_in", "members_only"}:
            return True
        held = ROLE_PERMISSIONS[Role(role)] if role in ROLES else frozenset()
        needed = self.needed if isinstance(self.needed, tuple) else (self.needed,)
        return all(Permission(one) in held for one in needed)

    def addresses(self, world: Twin) -> list[str]:
        """Return the addresses of this route to ask for, those of existing records first."""
        names = [name for _, name in PARAMETER.findall(self.template)]
        if not names:
            return ["/" + self.template]
        if names == ["number", "period"]:
            return [self._filled({"number": n, "period": p}) for n, p in SESSIONS]
        if names == ["number", "period", "kind"]:
            return [self._filled({"number": n, "period": p, "kind": k}) for n, p in SESSIONS[:3] for k in KINDS]
        choices = [self._values(world, name) for name in names]
        return [self._filled(dict(zip(names, values, strict=True))) for values in product(*choices)]

    def _values(self, world: Twin, name: str) -> list[str]:
        if name == "number":
            return list(PARTICIPANTS)
        if name == "period":
            return list(PERIODS)
        if (key := KEYS.get(name, name)) in world.values:
            return [*world.values[key][:SAME_KIND], MISSING.get(name, NOBODY)]
        if name == "kind":
            return list(KINDS)
        if name == "name":
            return list(FIGURES)
        if name == "table":
            return list(RUN_TABLES)
        message = (
            f"tests/blinding does not know what <{name}> of /{self.template} may be. "
            "Add its values by that name to `values_of` in tests/factories/world_story.py (where it goes by another "
            "name there, add it to KEYS in tests/blinding/routes.py too; what no record has, to MISSING)."
        )
        raise AssertionError(message)

    def _filled(self, values: dict[str, str]) -> str:
        return "/" + PARAMETER.sub(lambda found: values.get(found[2], "infusion"), self.template)


def routes(urlconf: str = "studyportal.urls") -> list[Route]:
    """Return every route of a door."""
    return sorted(_walk(get_resolver(urlconf), "", ""), key=lambda route: route.template)


def _walk(resolver: URLResolver, before: str, namespace: str) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        template = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            needed = getattr(pattern.callback, "required_permission", None)
            yield Route(template, namespace + (pattern.name or template), needed)
        else:
            yield from _walk(pattern, template, f"{pattern.namespace}:" if pattern.namespace else namespace)
