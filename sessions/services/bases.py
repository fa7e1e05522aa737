"""Basis sets of a study: uploaded as .BASIS, or simulated; and which of them fits a spectrum."""

import re
from collections.abc import Mapping
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
LIMIT_BYTES = 32 * 1024 * 1024
SIMULATION = re.compile(r"^sim:(press|steam):(\d{1,3}(?:\.\d{1,3})?),(\d{1,4}(?:\.\d{1,3})?)@(\d{1,2}(?:\.\d{1,3})?)T$")
NUMBER = r"\s*=\s*([-+0-9.Ee]+)"


@transaction.atomic
def add_uploaded(*, study: Study, name: str, filename: str, content: bytes, by: User) -> BasisSet:
    """Keep an LCModel .BASIS file under its hash; field strength and echo time are read from it.

    Raises:
        NotPermitted: the role does not include reviews of fits.
        InvalidInput: the name is taken or empty, or the file is not a basis; the message says what is missing.
    """
    check(by, Permission.QUANTIFICATION_REVIEW, study)
    _refuse_name(study, name)
    if not filename.lower().endswith(".basis"):
        raise _wrong("Choose a file whose name ends in .BASIS.")
    if len(content) > LIMIT_BYTES:
        msg = f"The file is larger than {LIMIT_BYTES // 1024**2} MB, the largest that is taken."
        raise _wrong(msg)
    field_tesla, echo_time_ms = _read_header(content)
    digest = store.put(content)
    same = study.basis_sets.filter(stored_sha256=digest).first()
    if same is not None:
        msg = f"This file is here already: {same.name}."
        raise _wrong(msg)
    return _create(
        study, name, by, stored_sha256=digest, suffix=".basis", field_tesla=field_tesla, echo_time_ms=echo_time_ms
    )


@transaction.atomic
def add_simulated(*, study: Study, name: str, simulation: str, by: User) -> BasisSet:
    """Add a basis that the engine simulates with ideal pulses: `sim:press:TE1,TE2@3T` or `sim:steam:TE,TM@7T`.

    Raises:
        NotPermitted: the role does not include reviews of fits.
        InvalidInput: the name is taken or empty, or the simulation is not written as above.
    """
    check(by, Permission.QUANTIFICATION_REVIEW, study)
    _refuse_name(study, name)
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
    """
    check(by, Permission.QUANTIFICATION_REVIEW, basis.study)
    basis.study.basis_sets.filter(is_default=True).exclude(pk=basis.pk).update(is_default=False)
    basis.is_default = True
    basis.save(update_fields=["is_default"])
    events.record("default basis set", study=basis.study.code, target=str(basis.pk))
    return basis


def choose(*, study: Study, header: Mapping[str, Any]) -> BasisSet:
    """Return the study's default basis when it has the spectrum's field strength and echo time, else the nearest one.

    Of those with the field strength, one with the spectrum's echo time goes before the default.

    Raises:
        Refused: no basis of the study has it.
    """
    known = list(study.basis_sets.order_by("-is_default", "name"))
    if not known:
        raise Refused("no_basis", "The study has no basis set yet. Add one under Basis sets, then run again.")
    tesla, echo = field_of(header), echo_time_of(header)
    fitting = [one for one in known if tesla is None or one.field_tesla is None or _near(one.field_tesla, tesla)]
    if not fitting:
        msg = (
            f"This spectrum was measured at {tesla:.1f} T and the study has no basis set for that field strength. "
            "Add one under Basis sets, then run again."
        )
        raise Refused("no_matching_basis", msg)
    return min(fitting, key=lambda one: (_is_off(one, echo), not one.is_default, _distance(one.echo_time_ms, echo)))


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


def _read_header(content: bytes) -> tuple[float, float | None]:
    """Return field strength and echo time of an LCModel basis: a namelist in plain text."""
    text = content.decode("latin-1")
    upper = text.upper()
    if "\x00" in text or "$BASIS" not in upper or "METABO" not in upper:
        raise _wrong("This is not an LCModel basis: it holds no $BASIS block.")
    frequency = re.search("HZPPPM" + NUMBER, upper)
    if frequency is None or not 10 <= float(frequency[1]) <= 1000:
        raise _wrong("The basis does not say its field strength (HZPPPM, 10 to 1000 MHz).")
    names = set(re.findall(r"METABO\s*=\s*'([^']+)'", upper))
    missing = [name for name in ("NAA", "GLU") if name not in names]
    if missing:
        msg = f"The basis has no {' and no '.join(missing)}: ratios could not be computed."
        raise _wrong(msg)
    echo = re.search("ECHOT" + NUMBER, upper)
    return round(float(frequency[1]) / MHZ_PER_TESLA, 2), float(echo[1]) if echo else None


def _refuse_name(study: Study, name: str) -> None:
    msg = ""
    if not name.strip() or len(name.strip()) > 80:
        msg = "Give the basis a name of 80 characters at most."
    elif study.basis_sets.filter(name=name.strip()).exists():
        msg = "Another basis set of this study has this name."
    if msg:
        raise InvalidInput(msg, fields={"name": msg})


def _wrong(message: str) -> InvalidInput:
    return InvalidInput(message, fields={"file": message}, code="not_a_basis")


def _create(study: Study, name: str, by: User, **values: Any) -> BasisSet:  # Any: the columns of one row
    basis = BasisSet.objects.create(study=study, name=name.strip(), uploaded_by=by, uploaded_at=clock.now(), **values)
    events.record("basis set added", study=study.code, target=str(basis.pk))
    return basis
