"""An attacker's header: a name and a birth date wherever a format has room; the stored file is the clean one's."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from sessions.mrs import convert
from sessions.mrs.io import nifti_mrs_bytes
from tests.factories import vendor_files
from tests.factories.philips_dicom import philips_dicom
from tests.factories.spectra import brain, shared_data

DATA = shared_data()
NAME, BORN = "SEEDED^TEST^NAME", "19010203"
SEED = f"{NAME} {BORN}"
PHILIPS = "philips3t_sdat/sub-01/ses-01/mrs/sub-01_ses-01_press/sub-01_PRESS_35_act"
real = pytest.mark.skipif(not DATA.is_dir(), reason="the shared reference data are not on this machine")


def stored(folder: Path, files: dict[str, bytes]) -> bytes:
    """Return what is stored of the files, of which the first is opened."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    converted = convert(folder / next(iter(files)), out=folder / "stored.nii.gz")
    assert "SEEDED" not in str(converted)
    assert BORN not in str(converted)
    return (folder / "stored.nii.gz").read_bytes()


def seeded_nifti(plain: bytes) -> bytes:
    """Seed every text of a NIfTI-2, its extensions, the gaps between them, and what follows the signal."""
    head = bytearray(plain[:540])
    head[240:320] = SEED.encode().ljust(80, b"\0")  # descrip
    head[320:344] = NAME.encode().ljust(24, b"\0")  # aux_file
    head[508:524] = b"mrs_v0_9" + NAME.encode()[:8]  # intent_name
    head[525:540] = NAME.encode()[:15]  # unused_str
    size = struct.unpack("<i", plain[544:548])[0]
    header = json.loads(plain[552 : 544 + size].rstrip(b"\0 "))
    header |= {
        "PatientName": NAME, "PatientDoB": BORN, "PatientID": SEED, "OriginalFile": [f"{SEED}.dat"],
        "Study": {"By": SEED}, "SequenceName": f"press {SEED}", "ProtocolName": SEED, "Manufacturer": f"Siemens {SEED}",
        SEED: SEED,
        "ConversionTime": BORN, "dim_5": SEED, "dim_5_info": SEED, "dim_5_header": {SEED: [SEED]}, "kSpace": [SEED],
        "WaterSuppressed": SEED, "TxOffset": SEED, "SelectedEditCondition": {"Value": SEED, "Description": SEED},
        "SYNTHETIC": SEED, "BlockStartMinutes": {"Value": [SEED], "Description": SEED},
    }  # fmt: skip
    text = json.dumps(header).encode()
    extensions = [(6, SEED.encode()), (44, text), (4, SEED.encode())]
    block = b"\1SDE"  # three bytes that nobody reads
    for code, content in extensions:
        extent = -(-(len(content) + 8) // 16) * 16
        block += struct.pack("<2i", extent, code) + content.ljust(extent - 8, b"\0")
    gap = SEED.encode().ljust(32, b"\0")
    struct.pack_into("<q", head, 168, 540 + len(block) + len(gap))
    return bytes(head) + block + gap + plain[544 + size :] + SEED.encode() * 9


def packed_with_names(content: bytes) -> bytes:
    """Return a gzip file whose header has a name, a comment, an extra field and a time."""
    squeezed = zlib.compressobj(wbits=-15)
    body = squeezed.compress(content) + squeezed.flush()
    extra = struct.pack("<2sH", b"SE", len(SEED)) + SEED.encode()
    head = b"\x1f\x8b\x08" + bytes([4 | 8 | 16]) + struct.pack("<I2B", 19010203, 0, 3)
    head += struct.pack("<H", len(extra)) + extra + f"{SEED}.nii\0".encode() + SEED.encode() + b"\0"
    return head + body + struct.pack("<2I", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def test_nifti_and_its_gzip_and_its_zip(tmp_path) -> None:
    clean = nifti_mrs_bytes(brain(header={"SequenceName": "PRESS", "Manufacturer": "Siemens"}))
    seeded = packed_with_names(seeded_nifti(gzip.decompress(nifti_mrs_bytes(brain()))))
    assert stored(tmp_path / "nifti", {f"{SEED}.nii.gz": seeded}) == clean
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        member = zipfile.ZipInfo(f"{SEED}/{SEED}.nii.gz", (2001, 2, 3, 4, 5, 6))
        member.comment, member.extra = SEED.encode(), struct.pack("<2H", 0x5345, len(SEED)) + SEED.encode()
        packed.writestr(member, seeded)
        packed.writestr(f"{SEED}.json", json.dumps({SEED: SEED}))
        packed.comment = SEED.encode()
    assert stored(tmp_path / "zip", {f"{SEED}.zip": archive.getvalue()}) == clean


def seeded_dicom(content: bytes) -> bytes:
    """Seed texts, sequences, private blocks, the file's meta information and its preamble."""
    data = pydicom.dcmread(io.BytesIO(content))
    inner = Dataset()
    inner.PatientName, inner.PatientID, inner.PatientBirthDate = NAME, SEED, BORN
    inner.OtherPatientIDsSequence = [Dataset()]
    inner.OtherPatientIDsSequence[0].PatientID = SEED
    for keyword in (
        "PatientID", "OtherPatientNames", "PatientComments", "ImageComments", "StudyDescription", "InstitutionName",
        "InstitutionAddress", "OperatorsName", "ReferringPhysicianName", "StationName", "DeviceSerialNumber",
        "AccessionNumber", "StudyID", "RequestedProcedureDescription", "AdditionalPatientHistory",
    ):  # fmt: skip
        setattr(data, keyword, NAME)
    data.PatientName, data.PatientBirthDate, data.StudyDate = NAME, BORN, BORN
    data.ReferencedStudySequence = [inner]
    data.RequestAttributesSequence = [inner]
    for group in (0x0009, 0x7FE1):
        block = data.private_block(group, "SEEDED BLOCK", create=True)
        block.add_new(1, "PN", NAME)
        block.add_new(2, "OB", SEED.encode() + b"\0" * (len(SEED) % 2))
        block.add_new(3, "SQ", [inner])
    data.file_meta.PrivateInformationCreatorUID = "1.2.19010203"
    data.file_meta.PrivateInformation = SEED.encode() + b"\0" * (len(SEED) % 2)
    data.preamble = SEED.encode().ljust(128, b"\0")
    written = io.BytesIO()
    data.save_as(written)
    return written.getvalue()


@pytest.mark.parametrize(
    "source", ["made", pytest.param("SVS_30.IMA", marks=real), pytest.param("SVS_XA60.dcm", marks=real)]
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_dicom(source, tmp_path) -> None:
    content = (
        philips_dicom(brain(), brain().fids[0, 0]) if source == "made" else (DATA / "vendor" / source).read_bytes()
    )
    clean = stored(tmp_path / "clean", {"a.dcm": content})
    assert stored(tmp_path / "seeded", {f"{SEED}.dcm": seeded_dicom(content)}) == clean


def seeded_lines(content: bytes, separator: str) -> bytes:
    """Put lines with the seed before and behind every line of a header, and a comment into it."""
    head, mark, rest = content.partition(b">>> End of header")
    lines = head.decode("latin-1").splitlines(keepends=True)
    kept = [f"{line}SeededKey{index}{separator}{SEED}\r\n" for index, line in enumerate(lines)]
    return "".join(kept).encode("latin-1") + mark + rest


def pair(spar: bytes, sdat: bytes, name: str) -> dict[str, bytes]:
    return {f"{name}.sdat": sdat, f"{name}.spar": spar}


@pytest.mark.parametrize("source", ["made", pytest.param("real", marks=real)])
def test_rda_and_spar(source, tmp_path) -> None:
    if source == "made":
        rda, sdat, spar = vendor_files.rda(), *vendor_files.philips().values()
    else:
        rda = (DATA / "vendor" / "SVS_30.rda").read_bytes()
        sdat, spar = ((DATA / f"{PHILIPS}.{one}").read_bytes() for one in ("sdat", "spar"))
    clean = stored(tmp_path / "rda", {"a.rda": rda})
    assert stored(tmp_path / "rda seeded", {f"{SEED}.rda": seeded_lines(rda, ": ")}) == clean
    clean = stored(tmp_path / "spar", pair(spar, sdat, "a"))
    seeded = seeded_lines(spar, " : ") + f"! {SEED}\n".encode()
    assert stored(tmp_path / "spar seeded", pair(seeded, sdat, SEED)) == clean
