"""The page "Who may do what", written from the matrix."""

from studyportal.accounts.roles import BLINDED_ROLES, DESCRIPTIONS, ROLE_PERMISSIONS, UNBLINDED_ROLES, Permission, Role

HEAD = """# Who may do what

Generated from `studyportal/accounts/roles.py` by `./portal docs`; a test compares it. A person holds roles of one side
of the blind in a study, never of both. No role is a bypass, and the administrator sees no study data.
"""


def page() -> str:
    """Return the page as Markdown: the roles, then one matrix for each side of the blind."""
    parts = [HEAD, "## Roles\n", _roles()]
    for title, side in (("Treatment hidden", BLINDED_ROLES), ("Treatment visible", UNBLINDED_ROLES)):
        parts += [f"\n## {title}\n", _matrix([role for role in Role if role in side])]
    return "\n".join(parts)


def _roles() -> str:
    lines = ["| Role | Does |", "| --- | --- |"]
    lines += [f"| {role.label} | {DESCRIPTIONS[role]} |" for role in Role]
    return "\n".join(lines)


def _matrix(roles: list[Role]) -> str:
    held = frozenset[Permission]().union(*(ROLE_PERMISSIONS[role] for role in roles))
    lines = [
        f"| Permission | {' | '.join(role.label for role in roles)} |",
        f"| --- |{' :-: |' * len(roles)}",
    ]
    for permission in Permission:
        if permission in held:
            marks = ["yes" if permission in ROLE_PERMISSIONS[role] else "" for role in roles]
            lines.append(f"| {permission.value.replace('_', ' ')} | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"
