"""Studies and their sites: what every role, record and secret belongs to (ADR 0004)."""
