"""Randomized crossover sessions: design, conduct, allocation, spectra and their quantification.

The Django app label is `study_sessions`: `sessions` alone would mean `django.contrib.sessions`. This module imports
nothing, so that `sessions.mrs` and `sessions.randomization` stay usable without Django.
"""
