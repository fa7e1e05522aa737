"""Quantification of single-voxel 1H spectra: from a file to metabolite ratios with their uncertainty.

Imports no Django and no settings; usable alone::

    python -m sessions.mrs quantify FILE [--water FILE] --basis FILE_OR_FOLDER_OR_SIM --json
        [--settings JSON] [--curves OUT.json] [--blocks auto|N|none] [--progress]
    python -m sessions.mrs convert FILE [--companion FILE] --out OUT.nii.gz --json

The promise of this package (each loads its module when first used, so that importing costs nothing):

``quantify(path, *, basis, water=None, settings=Settings(), blocks="auto", progress=None) -> Result``
    ``path`` and ``water`` are NIfTI-MRS or vendor files, ``basis`` a .BASIS file, a folder of .RAW or FSL JSON files or
    ``sim:press:TE1,TE2@3T`` / ``sim:steam:TE,TM@7T``; ``blocks`` is ``"auto"``, ``"none"`` or a number;
    ``progress(stage, fraction)`` is called with ``checking``, ``preprocessing``, ``fitting``.
    ``Result.document`` is the JSON object, ``Result.curves`` the curves for the fit viewer.
``convert(path, *, out, companion=None) -> Converted``
    Writes a fresh de-identified NIfTI-MRS; ``Converted.header`` (allow-listed keys) and ``Converted.sha256``.
``simulate_functional(ratios_per_block, *, seed, transients_per_block=8, ...) -> bytes``
    A SYNTHETIC functional series (.nii.gz) whose Glx/tNAA per block is given; fit it with ``SYNTHETIC_BASIS``.
``basis_identity(spec) -> str``
    What names a basis in ``Settings.sha256(basis_identity)``, which gives a result's ``settings_sha256``.
``MrsError(code, message)``
    The only exception for bad input; ``code`` is stable, ``message`` a sentence for a radiographer.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessions.mrs.basis_loading import basis_identity
    from sessions.mrs.conversion import Converted, convert
    from sessions.mrs.errors import MrsError
    from sessions.mrs.pipeline import Result, quantify
    from sessions.mrs.settings import ENGINE_VERSION, Settings
    from sessions.mrs.synthetic import SYNTHETIC_BASIS, simulate_functional

_HOME = {
    "basis_identity": "basis_loading",
    "Converted": "conversion",
    "convert": "conversion",
    "MrsError": "errors",
    "Result": "pipeline",
    "quantify": "pipeline",
    "ENGINE_VERSION": "settings",
    "Settings": "settings",
    "SYNTHETIC_BASIS": "synthetic",
    "simulate_functional": "synthetic",
}

__all__ = [
    "ENGINE_VERSION", "SYNTHETIC_BASIS", "Converted", "MrsError", "Result", "Settings", "basis_identity", "convert",
    "quantify", "simulate_functional",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # Any: the type checker reads the imports above
    """Load the module that holds a public name."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
