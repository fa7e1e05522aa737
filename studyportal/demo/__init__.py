"""The demo study: SYNTHETIC people and numbers, brought in by the portal's real services with a moved clock.

The blinded half (`making`, `journey`) runs as the blinded web login. What depends on the sequence comes from the
vault's half (`vault`), a process of its own with the vault's login, which hands out outcomes by participant and nothing
else.
"""
