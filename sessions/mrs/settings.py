"""The options of a quantification, apart from the data, and the hash that names them.

A study locks them before unblinding; results under different hashes are never compared.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Self

from sessions.mrs.errors import MrsError

ENGINE_VERSION = "1.2.0"


@dataclass(frozen=True)
class Settings:
    """Options of the fit and of the preprocessing; the defaults are those of the protocol.

    Parameters
    ----------
    ppm_low, ppm_high
        Fitted range in ppm.
    domain
        `real` (part of the phased spectrum) or `complex` (both).
    baseline, baseline_order
        `spline`, or `polynomial` of an order: as other programs do, and stiffer.
    baseline_ed_per_ppm
        Effective dimension of the P-spline baseline per ppm: its flexibility.
    baseline_knots_per_ppm
        Knots of the spline; the penalty, not the knots, sets the flexibility.
    sensitivity_factors
        The primary outcome is fitted again with the baseline's flexibility times these.
    default_macromolecules
        Add the simulated macromolecules and lipids when the basis has none of its own.
    default_lipids
        Add lipids when the basis has none: fat from outside the voxel, which no measured macromolecules hold.
    shift_sd_ppm, width_sd_hz
        Priors: how far one metabolite's shift and Lorentzian width stray from the group's.
    phase1_sd_deg_per_ppm
        Prior of the first-order phase.
    lineshape_sd
        Prior: how far the common lineshape strays from a Voigt profile (phase in rad, logarithm of the magnitude).
    coil_weights_by_water
        Weight the coils by the water reference where there is one, else by the data.
    reject_outliers, align
        Leave outlying transients out; align transients in frequency and phase.
    soft_ratios
        Hold macromolecules, lipids and scarce metabolites softly at their usual ratios.
    remove_water
        Remove the residual water before the fit (HLSVD).
    eddy_current
        Correct eddy currents when a water reference is given.
    exclude
        Names of basis spectra that are left out.
    """

    ppm_low: float = 0.2
    ppm_high: float = 4.2
    domain: str = "real"
    baseline: str = "spline"
    baseline_order: int = 2
    baseline_ed_per_ppm: float = 2.5
    baseline_knots_per_ppm: float = 15.0
    sensitivity_factors: tuple[float, ...] = (0.6, 1.6)
    default_macromolecules: bool = True
    default_lipids: bool = True
    shift_sd_ppm: float = 0.004
    width_sd_hz: float = 0.15
    phase1_sd_deg_per_ppm: float = 1.5
    lineshape_sd: float = 0.05
    soft_ratios: bool = True
    coil_weights_by_water: bool = True
    reject_outliers: bool = True
    align: bool = True
    remove_water: bool = True
    eddy_current: bool = True
    exclude: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read settings from a JSON object; keys that are left out keep their default.

        Raises
        ------
        MrsError
            `settings-invalid`: not an object, an unknown key, or a value out of range.
        """
        try:
            given = json.loads(text)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise MrsError("settings-invalid", "The settings are not a JSON object.")
        known = {field.name: field.default for field in dataclasses.fields(cls)}
        for key, value in given.items():
            if key not in known:
                raise MrsError("settings-invalid", f"There is no setting called {key!r}.")
            if not _fits(key, value, known[key]):
                raise MrsError("settings-invalid", f"The setting {key!r} cannot be {value!r}.")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        settings = cls(**values)
        if not -0.3 <= settings.ppm_low < settings.ppm_high <= 4.8 or settings.ppm_high - settings.ppm_low < 1:
            raise MrsError("settings-invalid", "The fitted range must lie within -0.3 to 4.8 ppm and span 1 ppm.")
        return settings

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as they are hashed and stored."""
        return dataclasses.asdict(self)

    def sha256(self, basis_identity: str) -> str:
        """Name engine version, settings and basis by one hash.

        Parameters
        ----------
        basis_identity
            What `sessions.mrs.basis_identity` returns for the basis: the simulation's name or the hash of the files.
        """
        named = {"engine": ENGINE_VERSION, "basis": basis_identity, "settings": self.as_dict()}
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


CHOICES = {"domain": ("real", "complex"), "baseline": ("spline", "polynomial")}
HIGHEST_ORDER = 8


def _fits(key: str, value: object, default: object) -> bool:
    """Say whether a JSON value can stand where the default stands."""
    if key in CHOICES:
        return value in CHOICES[key]
    if key == "baseline_order":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST_ORDER
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 100
    if not isinstance(value, list):
        return False
    if default:
        return all(isinstance(part, int | float) and 0.1 <= part <= 10 for part in value)
    return all(isinstance(part, str) for part in value)


# What FSL-MRS does by default (Clarke, Stagg, Jbabdi 2021): both parts, a stiff polynomial, Voigt lines, common shifts.
FSL_LIKE = Settings(
    domain="complex",
    baseline="polynomial",
    phase1_sd_deg_per_ppm=50.0,
    shift_sd_ppm=0.0,
    width_sd_hz=0.0,
    lineshape_sd=0.0,
    soft_ratios=False,
    default_lipids=False,
    default_macromolecules=False,
)
