"""Drawing a list away from the portal: settings in, a file with seed and list out, for the unblinded door to take in.

    python -m sessions.randomization settings.json --out list.json

The settings come from the draft's page. The file holds the whole list and its seed: carry it by hand, and destroy it
once the page says that it is sealed.
"""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sessions.randomization.bundle import ListTerms, root_to_publish
from sessions.randomization.generate import SEED_BYTES, generate_list
from sessions.randomization.generators import Generator
from sessions.randomization.methods import Method

SETTINGS_FORMAT = "studyportal-list-settings/1"
FILE_FORMAT = "studyportal-offline-list/1"
LARGEST_FILE_BYTES = 2 * 2**20


def settings_document(terms: ListTerms) -> dict[str, object]:
    """Return a draft's settings as the page hands them out."""
    return {
        "format": SETTINGS_FORMAT,
        "study": terms.study,
        "list": terms.list_id,
        "method": terms.method.value,
        "parameters": dict(terms.parameters),
        "sequences": list(terms.sequences),
        "strata": list(terms.strata),
        "slots_per_stratum": terms.slots_per_stratum,
        "generator": terms.generator.value,
        "taken_numbers": sorted(terms.taken_numbers),
    }


def terms_from(document: Mapping[str, Any]) -> ListTerms:
    """Return the terms that a settings document tells.

    Raises
    ------
    ValueError
        It is no settings document.
    """
    try:
        if document["format"] != SETTINGS_FORMAT:
            raise ValueError("the file has another format")
        return ListTerms(
            study=document["study"], list_id=document["list"], method=Method(document["method"]),
            parameters=dict(document["parameters"]), sequences=list(document["sequences"]),
            strata=list(document["strata"]), slots_per_stratum=int(document["slots_per_stratum"]),
            generator=Generator(document["generator"]), taken_numbers=list(document["taken_numbers"]),
        )  # fmt: skip
    except (KeyError, TypeError) as fault:
        msg = f"the file lacks what a draft's settings hold ({fault})"
        raise ValueError(msg) from None


def draw(document: Mapping[str, Any], seed: bytes) -> dict[str, object]:
    """Return the file that the unblinded door takes in.

    Raises
    ------
    ValueError
        The settings are none, or impossible; the message says why.
    """
    terms = terms_from(document)
    made = generate_list(
        method=terms.method, parameters=terms.parameters, sequences=terms.sequences, strata=terms.strata,
        slots_per_stratum=terms.slots_per_stratum, seed=seed, generator=terms.generator,
        taken_numbers=terms.taken_numbers,
    )  # fmt: skip
    return {
        "format": FILE_FORMAT,
        "settings": settings_document(terms),
        "seed": seed.hex(),
        "root": root_to_publish(terms, seed, made.slots).hex(),
        "slots": [[slot.stratum, slot.ordinal, slot.number, slot.sequence] for slot in made.slots],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw a list from a settings file; 0 when it is written, 2 when it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m sessions.randomization", description="Draw a list offline.")
    parser.add_argument("settings", type=Path, help="the settings file of the draft's page")
    parser.add_argument("--out", type=Path, required=True, help="the file to write; it must not exist")
    asked = parser.parse_args(arguments)
    try:
        made = draw(json.loads(asked.settings.read_text()), secrets.token_bytes(SEED_BYTES))
        # Readable by its owner only, and never over another list.
        handle = os.open(asked.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(f"{asked.out} exists already: name another file.", file=sys.stderr)
        return 2
    except OSError as fault:
        print(f"{fault.filename} cannot be used: {fault.strerror}.", file=sys.stderr)
        return 2
    except ValueError as fault:
        print(f"No list can be drawn from {asked.settings}: {fault}.", file=sys.stderr)
        return 2
    with os.fdopen(handle, "w") as file:
        json.dump(made, file)
    print(f"root {made['root']}")
    print(f"Take {asked.out} to the draft's page, and destroy the file once it is sealed there.")
    return 0
