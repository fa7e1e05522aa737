"""The child process in which spec2nii reads a scanner's file. Run by path, in isolation; imports nothing of ours.

Usage: spec2nii_child.py KIND FOLDER, where FOLDER holds the inputs under neutral names. The results go to FOLDER/out.
It limits itself first: memory, processor time, file size; no socket, no other program. Exit codes tell why it gave up.
"""

import resource
import sys
from pathlib import Path

MEMORY_BYTES, CPU_SECONDS, FILE_BYTES = 2 * 1024**3, 45, 1024**3
NOT_A_SPECTRUM, UNKNOWN_MAKER, NOT_DICOM = 3, 4, 5
FORBIDDEN_EVENTS = ("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "pickle.find_class")
IMAGES = (
    "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7",
)  # fmt: skip
COMMANDS = {
    "philips": ("philips", "input.SDAT", "input.SPAR"),
    "rda": ("rda", "input.rda"),
    "twix": ("twix", "-e", "image", "-q", "input.dat"),
    "ge": ("ge", "input.7"),
    "jmrui": ("jmrui", "input.txt"),
    "varian": ("varian", "input.fid"),
}
UNDEFINED_LENGTH = 0xFFFFFFFF
DICOM_COMMANDS = {"siemens": "dicom", "philips": "philips_dcm", "uih": "uih", "united imaging": "uih"}


def limit() -> None:  # pragma: no cover - limits the process that calls it
    """Give up memory, time, the network and other programs before anything foreign is read."""
    for kind, wanted in (
        (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    sys.addaudithook(_refuse)


def _refuse(event: str, _arguments: object) -> None:
    if event in FORBIDDEN_EVENTS:
        raise PermissionError(event)


def dicom_command(path: Path) -> str:
    """Return spec2nii's command for a DICOM file, by who made the scanner."""
    import pydicom  # noqa: PLC0415 - only for DICOM

    try:
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Manufacturer", "SOPClassUID"])
    except Exception:
        sys.exit(NOT_DICOM)
    if str(data.get("SOPClassUID", "")) in IMAGES:
        sys.exit(NOT_A_SPECTRUM)
    if "SOPClassUID" not in data and "Manufacturer" not in data:
        sys.exit(NOT_DICOM)
    maker = str(data.get("Manufacturer", "")).lower()
    for start, command in DICOM_COMMANDS.items():
        if maker.startswith(start):
            return command
    sys.exit(UNKNOWN_MAKER)


def is_whole(path: Path) -> bool:
    """Whether the last element of a DICOM file ends where the file does.

    A byte that was added or lost on the way (a copy as text adds one at each line's end) shifts the signal within its
    element, where nothing else would notice it.
    """
    import pydicom  # noqa: PLC0415 - only for DICOM

    data = pydicom.dcmread(path)
    ends = [0]
    for tag in data.keys():  # noqa: SIM118 - iterating would convert the elements
        element = data.get_item(tag)
        if isinstance(element, pydicom.dataelem.RawDataElement) and element.length != UNDEFINED_LENGTH:
            ends.append(element.value_tell + element.length)
    return max(ends) <= path.stat().st_size


def main(kind: str, folder: Path) -> None:
    """Convert the inputs of `folder`."""
    from spec2nii.spec2nii import main as convert  # noqa: PLC0415 - after the limits

    if kind == "dicom":
        source = folder / "input"
        arguments = [dicom_command(min(source.iterdir())), str(source)]
        if not all(map(is_whole, source.iterdir())):
            sys.exit(NOT_DICOM)
        from spec2nii.Siemens import dicomfunctions  # noqa: PLC0415 - only here

        # A question about imaging of many voxels, which are refused; it fails where the protocol's name was taken out.
        dicomfunctions._is_vienna_crt = lambda _image: False  # noqa: SLF001
    else:
        arguments = [str(folder / part) if part.startswith("input") else part for part in COMMANDS[kind]]
    if kind == "varian":
        import numpy  # noqa: PLC0415 - only here
        from spec2nii import varian_importer  # noqa: PLC0415 - only here

        # The voxel's place is not kept, and spec2nii fails where it is not given as it expects.
        varian_importer._varian_orientation_3d = lambda _parameters: numpy.diag([1e4, 1e4, 1e4, 1.0])  # noqa: SLF001
    sys.argv = ["spec2nii", *arguments, "-f", "output", "-o", str(folder / "out")]
    convert()


if __name__ == "__main__":  # pragma: no cover - in the child
    limit()
    if sys.argv[1] != "dicom":
        # nibabel takes it along where it can: a third of the start, for a reader that no other kind needs.
        sys.modules["pydicom"] = None  # type: ignore[assignment] # how "not to be imported" is written
    main(sys.argv[1], Path(sys.argv[2]))
