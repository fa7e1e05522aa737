"""The catalogue of planted leaks: each makes one channel depend on the secret, in one to a few lines."""

from tests.blinding import leaks_in_acts, leaks_in_answers, leaks_in_lists

LEAKS = (*leaks_in_answers.LEAKS, *leaks_in_lists.LEAKS, *leaks_in_acts.LEAKS)
