"""Making a randomization list that anyone can later verify: pure, reproducible for decades, no Django.

Not imported here: `verify`, which runs alone (`python -m sessions.randomization.verify`); and what only pages need
(`comparison`, `simulation`), which is imported where it is used.
"""

from sessions.randomization.acceptance import Acceptance, StratumFacts, accept
from sessions.randomization.bundle import (
    AllocatedNumber,
    CommitsTo,
    ListTerms,
    kind_of_root,
    reveal_bundle,
    root_of,
    root_to_publish,
    slot_proof,
    whole_root,
)
from sessions.randomization.commitment import Proof, leaf, merkle_proof, merkle_root, verify_proof
from sessions.randomization.contagion import Allocated, Deduction, Dispensed, Reveal, Trial, deductions
from sessions.randomization.designs import check_sequences, williams
from sessions.randomization.drbg import HmacDrbg
from sessions.randomization.generate import GeneratedList, Slot, commit_codes, generate_list
from sessions.randomization.generators import Generator, substream
from sessions.randomization.kits import Kit, draw_kits, is_kit_number
from sessions.randomization.methods import Method
from sessions.randomization.minimization import MinimizationScheme, minimize, newcomer_stream, replay
from sessions.randomization.report import AcceptanceReport, acceptance_report
from sessions.randomization.reveal import (
    AllocationStep,
    Mirrored,
    Newcomer,
    chain_head,
    course_bundle,
    levels_in_words,
    study_bundle,
)
from sessions.randomization.strata import strata_warnings
from sessions.randomization.uploaded import read_list

__all__ = [
    "Acceptance",
    "AcceptanceReport",
    "Allocated",
    "AllocatedNumber",
    "AllocationStep",
    "CommitsTo",
    "Deduction",
    "Dispensed",
    "GeneratedList",
    "Generator",
    "HmacDrbg",
    "Kit",
    "ListTerms",
    "Method",
    "MinimizationScheme",
    "Mirrored",
    "Newcomer",
    "Proof",
    "Reveal",
    "Slot",
    "StratumFacts",
    "Trial",
    "accept",
    "acceptance_report",
    "chain_head",
    "check_sequences",
    "commit_codes",
    "course_bundle",
    "deductions",
    "draw_kits",
    "generate_list",
    "is_kit_number",
    "kind_of_root",
    "leaf",
    "levels_in_words",
    "merkle_proof",
    "merkle_root",
    "minimize",
    "newcomer_stream",
    "read_list",
    "replay",
    "reveal_bundle",
    "root_of",
    "root_to_publish",
    "slot_proof",
    "strata_warnings",
    "study_bundle",
    "substream",
    "verify_proof",
    "whole_root",
    "williams",
]
