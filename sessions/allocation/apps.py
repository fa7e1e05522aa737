"""App configuration of the allocation."""

from django.apps import AppConfig


class AllocationConfig(AppConfig):
    """Randomization lists with sealed slots, and the allocations taken from them."""

    name = "sessions.allocation"
    label = "allocation"
