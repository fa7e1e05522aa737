"""The catalogue of planted leaks: each makes one channel depend on the secret, in one to a few lines."""

from tests.blinding import leaks_in_acts, leaks_in_answers, leaks_in_lists

LEAKS = (*leaks_in_answers.LEAKS, *leaks_in_lists.LEAKS, *leaks_in_acts.LEAKS)

# Leaks that no request shows; the searches of `test_dumps` find them. Each with where it was planted.
SEARCHED = (
    ("Dumps", "the link in clear in a new table", "`pg_dump` of the whole database"),
    ("Dumps", "the link as bytes in a new table", "`pg_dump`, each hexadecimal text decoded"),
    ("Tasks", "a treatment in a message of the broker", "the broker's keys and its append-only file"),
    ("Logs", "a treatment in the database's own log", "log files of all processes"),
    ("Bundles and translations", "who has which treatment in a script", "the built static files"),
)
