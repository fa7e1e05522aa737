"""What is given to a quantification, opened and checked before the engine is loaded: bad files wait for nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sessions.mrs.checks import check_basis, check_numbers
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.errors import MrsError
from sessions.mrs.settings import Settings
from sessions.mrs.spectrum import Spectrum

if TYPE_CHECKING:
    from sessions.mrs.basis import Basis

SAME_ECHO_S = 0.001
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Opened:
    """Files that may be quantified together.

    Parameters
    ----------
    spectrum, water
        The acquisition and its water reference, if one was given.
    basis, basis_identity
        The basis set without what the settings exclude, and what names it in the settings' hash.
    block_count
        Number of blocks of transients; 0 for none.
    """

    spectrum: Spectrum
    water: Spectrum | None
    basis: "Basis"
    basis_identity: str
    block_count: int


def untold(_stage: str, _fraction: float) -> None:
    """Tell nobody."""


def opened(
    path: str | Path,
    *,
    basis: str | Path,
    water: str | Path | None = None,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    blocks: str = "auto",
    condition: str | None = None,
    tell: Progress = untold,
) -> Opened:
    """Open and check spectrum, water and basis set; parameters as `pipeline.quantify`.

    Raises
    ------
    MrsError
        The first thing that is wrong.
    """
    tell("checking", 0.0)
    spectrum = read_spectrum(path) if condition is None else read_spectrum(path, condition=condition)
    check_numbers(spectrum)
    count = block_count(spectrum, blocks)
    reference = read_spectrum(water) if water is not None else None
    if reference is not None:
        check_water(spectrum, reference)
    tell("checking", 0.5)
    # Basis sets load scipy, which takes longer than reading most files.
    from sessions.mrs.basis_loading import basis_identity, load_basis  # noqa: PLC0415 - see above

    loaded = load_basis(basis, frequency_mhz=spectrum.frequency_mhz).without(settings.exclude)
    check_basis(spectrum, loaded)
    return Opened(spectrum, reference, loaded, basis_identity(basis), count)


def check_water(spectrum: Spectrum, water: Spectrum) -> None:
    """Refuse a water reference that cannot belong to the spectrum."""
    check_numbers(water)
    same_grid = abs(water.dwell_time_s / spectrum.dwell_time_s - 1) < 0.005
    if not same_grid or abs(water.frequency_mhz / spectrum.frequency_mhz - 1) > 0.001:
        raise MrsError(
            "water-mismatch",
            "The water reference was measured with another spectral width or frequency than the spectrum. Choose the "
            "one of the same scan.",
        )
    echo_s, water_echo_s = spectrum.header.get("EchoTime"), water.header.get("EchoTime")
    if not isinstance(echo_s, int | float) or not isinstance(water_echo_s, int | float):
        return
    if abs(water_echo_s - echo_s) > SAME_ECHO_S:
        raise MrsError(
            "water-mismatch",
            f"The water reference was measured at an echo time of {1000 * water_echo_s:g} ms, the spectrum at "
            f"{1000 * echo_s:g} ms. Choose the one of the same scan.",
        )


def block_count(spectrum: Spectrum, blocks: str) -> int:
    """Return the number of blocks: as asked, or as the header says."""
    if blocks == "none":
        return 0
    if blocks == "auto":
        marked = spectrum.header.get("BlockStartMinutes", {}).get("Value", [])
        return len(marked) if 2 <= len(marked) <= spectrum.transients else 0
    if not blocks.isascii() or not blocks.isdigit() or not 1 <= int(blocks) <= spectrum.transients:
        raise MrsError(
            "blocks-invalid",
            f"The number of blocks must lie between 1 and the {spectrum.transients} transients of the file.",
        )
    return int(blocks)
