"""Making a randomization list that anyone can later verify: pure, reproducible for decades, no Django."""

from sessions.randomization.acceptance import Acceptance, StratumFacts, accept
from sessions.randomization.commitment import Proof, leaf, merkle_proof, merkle_root, verify_proof
from sessions.randomization.drbg import HmacDrbg
from sessions.randomization.generate import GeneratedList, Slot, generate_list
from sessions.randomization.methods import Method

__all__ = [
    "Acceptance",
    "GeneratedList",
    "HmacDrbg",
    "Method",
    "Proof",
    "Slot",
    "StratumFacts",
    "accept",
    "generate_list",
    "leaf",
    "merkle_proof",
    "merkle_root",
    "verify_proof",
]
