"""A study that minimizes: an active list without slots, its settings and its sealed seed."""

from sessions.allocation.generation import Settings, draft_list, keep_seed
from sessions.allocation.models import RandomizationList
from sessions.randomization import Method
from tests.conftest import standing_at
from tests.factories import lists
from tests.factories.world import World

SEED = bytes(range(32))
FACTORS = {"site": ["01", "02"], "sex": ["F", "M"]}
PARAMETERS = {"factors": FACTORS, "weights": {"site": 2}, "measure": "range", "probability": "0.8"}


def activate_minimization(world: World, *, seed: bytes = SEED, factors: dict | None = None) -> RandomizationList:
    """Bring a minimization with a given seed through every state at the vault."""
    parameters = {**PARAMETERS, "factors": factors or FACTORS}
    if factors:
        parameters["weights"] = {}
    maker = world.unblinded_statistician
    with standing_at("vault"):
        draft = draft_list(study=world.study, settings=Settings(Method.MINIMIZATION, parameters, 0), by=maker)
        made = keep_seed(draft, seed, by=maker)
        return lists.brought_on(made, maker=maker, second=world.pharmacist)
