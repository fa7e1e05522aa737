"""The trail: every change of every row on every path, recorded by the database itself (ADR 0002).

The lowest app: it knows no other, keeps no foreign keys, and its rows are never changed or removed.
"""
