"""Settings: `base` for all, `dev` for the embedded portal, `test` for the suite, `prod` for ordinary servers.

Only what differs between installations is read from the environment; the study's design is rows, never settings.
"""
