"""Basis sets of a study: simulated ones, the default, and which of them fits a spectrum (`basis_library`: uploads)."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction

from sessions.models import BasisSet
from sessions.services import store
from sessions.services.sandbox import Refused
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput
from studyportal.studies.models import Study

MHZ_PER_TESLA = 42.577
FIELD_TOLERANCE = 0.08
SAME_ECHO_MS = 2.0
SIMULATION = re.compile(r"^sim:(press|steam):(\d{1,3}(?:\.\d{1,3})?),(\d{1,4}(?:\.\d{1,3})?)@(\d{1,2}(?:\.\d{1,3})?)T$")
NUMBER = r"\s*=\s*([-+0-9.Ee]+)"


@transaction.atomic
def add_simulated(*, study: Study, name: str, simulation: str, by: User) -> BasisSet:
    """Add a basis that the engine simulates with ideal pulses: `sim:press:TE1,TE2@3T` or `sim:steam:TE,TM@7T`.

    Raises:
        NotPermitted: the role does not include reviews of fits.
        InvalidInput: the name is taken or empty, or the simulation is not written as above.
    """
    check(by, Permission.QUANTIFICATION_REVIEW, study)
    refuse_name(study, name)
    written = simulation.strip() if simulation.strip().startswith("sim:") else f"sim:{simulation.strip()}"
    found = SIMULATION.match(written)
    if found is None or not 0 < float(found[4]) <= 25:
        msg = "Write the sequence like sim:press:11,24@3T (TE1, TE2 in ms) or sim:steam:11,17@7T (TE, TM in ms)."
        raise InvalidInput(msg, fields={"simulation": msg})
    first, second = float(found[2]), float(found[3])
    echo_time_ms = first + second if found[1] == "press" else first
    return _create(study, name, by, simulation=written, field_tesla=float(found[4]), echo_time_ms=echo_time_ms)


@transaction.atomic
def make_default(*, basis: BasisSet, by: User) -> BasisSet:
    """Use this basis for every new run whose field strength it matches.

    Raises:
        NotPermitted: the role does not include reviews of fits.
        InvalidInput: these are measured macromolecules, which are never fitted with alone.
    """
    check(by, Permission.QUANTIFICATION_REVIEW, basis.study)
    if basis.kind != BasisSet.Kind.METABOLITES:
        raise InvalidInput("Measured macromolecules are chosen in the analysis protocol, beside a basis set.")
    basis.study.basis_sets.filter(is_default=True).exclude(pk=basis.pk).update(is_default=False)
    basis.is_default = True
    basis.save(update_fields=["is_default"])
    events.record("default basis set", study=basis.study.code, target=str(basis.pk))
    return basis


def choose(*, study: Study, header: Mapping[str, Any], among: Sequence[str] = ()) -> BasisSet:
    """Return the study's default basis when it has the spectrum's field strength and echo time, else the nearest one.

    Of those with the field strength, one with the spectrum's echo time goes before the default. `among`: the ids of an
    analysis protocol's sets; there the default has no say, so that a later default changes nothing.

    Raises:
        Refused: no basis of the study, or of `among`, has it.
    """
    known = list(study.basis_sets.filter(kind=BasisSet.Kind.METABOLITES).order_by("-is_default", "name"))
    if among:
        known = sorted((one for one in known if str(one.pk) in among), key=lambda one: among.index(str(one.pk)))
    if not known:
        raise Refused("no_basis", "The study has no basis set yet. Add one under Basis sets, then run again.")
    tesla, echo = field_of(header), echo_time_of(header)
    fitting = [one for one in known if tesla is None or one.field_tesla is None or _near(one.field_tesla, tesla)]
    if not fitting:
        whose = "analysis protocol" if among else "study"
        remedy = "Tell the imaging analyst." if among else "Add one under Basis sets, then run again."
        msg = (
            f"This spectrum was measured at {tesla:.1f} T and the {whose} has no basis set for that field strength. "
            f"{remedy}"
        )
        raise Refused("no_matching_basis", msg)
    return min(
        fitting,
        key=lambda one: (_is_off(one, echo), not (one.is_default or among), _distance(one.echo_time_ms, echo)),
    )


def engine_argument(basis: BasisSet, folder: Path) -> str:
    """Return what the engine's `--basis` takes; uploaded bytes are written into the sandbox's folder."""
    if basis.simulation:
        return basis.simulation if basis.simulation.startswith("sim:") else f"sim:{basis.simulation}"
    place = folder / f"basis{basis.suffix}"
    place.write_bytes(store.get(basis.stored_sha256))
    return str(place)


def field_of(header: Mapping[str, Any]) -> float | None:
    """Return the field strength in tesla from a NIfTI-MRS header's spectrometer frequency."""
    frequency = header.get("SpectrometerFrequency")
    value = frequency[0] if isinstance(frequency, list) and frequency else frequency
    return float(value) / MHZ_PER_TESLA if isinstance(value, int | float) else None


def echo_time_of(header: Mapping[str, Any]) -> float | None:
    """Return the echo time in ms from a NIfTI-MRS header, which gives seconds."""
    value = header.get("EchoTime")
    return float(value) * 1000 if isinstance(value, int | float) else None


def _is_off(basis: BasisSet, echo_ms: float | None) -> bool:
    return basis.echo_time_ms is not None and echo_ms is not None and abs(basis.echo_time_ms - echo_ms) > SAME_ECHO_MS


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= FIELD_TOLERANCE * other


def _distance(one: float | None, other: float | None) -> float:
    return abs(one - other) if one is not None and other is not None else 1e3


def echo_time_in(content: bytes) -> float | None:
    """Return the echo time in ms that an LCModel basis gives in its namelist."""
    echo = re.search("ECHOT" + NUMBER, content.decode("latin-1").upper())
    return float(echo[1]) if echo else None


def refuse_name(study: Study, name: str) -> None:
    """Refuse a name that is empty, too long or taken.

    Raises:
        InvalidInput: with what is wrong with it.
    """
    msg = ""
    if not name.strip() or len(name.strip()) > 80:
        msg = "Give the basis a name of 80 characters at most."
    elif study.basis_sets.filter(name=name.strip()).exists():
        msg = "Another basis set of this study has this name."
    if msg:
        raise InvalidInput(msg, fields={"name": msg})


def _create(study: Study, name: str, by: User, **values: Any) -> BasisSet:  # Any: the columns of one row
    basis = BasisSet.objects.create(study=study, name=name.strip(), uploaded_by=by, uploaded_at=clock.now(), **values)
    events.record("basis set added", study=study.code, target=str(basis.pk))
    return basis
