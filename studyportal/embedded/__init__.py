"""Embedded PostgreSQL and Redis for one machine: the default of `./portal up` and of the tests (ADR 0003).

Imports no Django, so that it can run before settings exist.
"""
