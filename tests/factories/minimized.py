"""A study that minimizes: an active list without slots, its settings and its sealed seed."""

from sessions.allocation.models import RandomizationList
from sessions.allocation.sealing import seal
from sessions.allocation.services import approve_list, seed_info
from sessions.randomization.commitment import seed_commitment
from tests.conftest import standing_at
from tests.factories.world import World

SEED = bytes(range(32))
FACTORS = {"site": ["01", "02"], "sex": ["F", "M"]}
PARAMETERS = {"factors": FACTORS, "weights": {"site": 2}, "measure": "range", "probability": "0.8"}


def activate_minimization(world: World, *, seed: bytes = SEED, factors: dict | None = None) -> RandomizationList:
    """Store and approve a minimization at the vault."""
    with standing_at("vault"):
        made = RandomizationList(
            study=world.study, method="minimization", parameters={**PARAMETERS, "factors": factors or FACTORS},
            commitment_root=seed_commitment(seed).hex(), generated_by=world.unblinded_statistician,
        )  # fmt: skip
        if factors:
            made.parameters = {**made.parameters, "weights": {}}
        made.sealed_seed = seal(seed, seed_info(made.pk))
        made.save()
        return approve_list(list_id=made.pk, by=world.pharmacist)
