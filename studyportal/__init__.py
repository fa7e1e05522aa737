"""The project package: floor and roof of the building.

Floor (lowest first): `errors`, `clock`, `celery`, `htmx`, then `audit`, `studies`, `accounts`, `queries`.
In the middle stand `participants`, `sessions` and `ratings`, each importing only downward.
Roof: `reports`, `api`, and the two doors' site maps `urls` (treatment hidden) and `vault_urls` (treatment visible).

This module imports nothing, so that the science packages stay importable without Django.
"""
