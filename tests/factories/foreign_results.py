"""Result files of other programs, built from their documented formats where no real file can be shared.

The LCModel texts have the form of the files in the shared data; the others are written as the programs' own writers do.
"""

LCMODEL_ROWS = (
    ("0.000", "999", "0.000", "Cr"),
    ("2.95E-02", "53", "0.118", "Gln"),
    ("3.27E-02", "55", "0.131", "Glu"),
    ("7.97E-02", "11", "0.318", "NAA"),
    ("0.251", "3", "1.000", "PCr"),
    ("0.148", "6", "0.591", "NAA+NAAG"),
    ("0.251", "3", "1.000", "Cr+PCr"),
    ("6.22E-02", "40", "0.248", "Glu+Gln"),
)


def lcmodel_table(
    rows: tuple[tuple[str, str, str, str], ...] = LCMODEL_ROWS, *, announced: int | None = None, title: str = "A title"
) -> str:
    """Return a .table as LCModel 6.3 writes it."""
    lines = [" LCModel (Version 6.3-1R)", f" {title}", " Data of: somewhere", " 28-May-2015  14:21", ""]
    lines.append(f"$$CONC {announced or len(rows) + 1} lines in following concentration table = NCONC+1")
    lines.append("    Conc.  %SD /Cr+PCr  Metabolite".ljust(76))
    # The name of a sum may stand at once after a plus.
    for value, percent, ratio, name in rows:
        lines.append(f"{value:>9}{percent:>4}% {ratio:>7} {name:<52}")
    lines += ["", "$$MISC  4 lines in following misc. output table", "  FWHM = 0.043 ppm    S/N =  13"]
    lines += ["  Data shift = 0.000 ppm", "  Ph:  21 deg      12.2 deg/ppm", "  alphaB,S = 4.8E-02,   3.7E+01", ""]
    lines += ["$$DIAG  1 lines in following diagnostic table:", "   1 info      FINOUT  9", ""]
    lines += ["$$INPU  2 lines in following table of input changes:", " DELTAT = 0.000833", " HZPPPM = 123.226103"]
    return "\n".join(lines) + "\n"


FSL_SUMMARY = """Metab,/Cr+PCr,/Cr+PCr CRLB,mMol/kg,mMol/kg CRLB,mM,mM CRLB,%CRLB,SNR,FWHM
Cr,0.5512893471,0.0312,4.1120981234567,0.2,4.0870123,0.21,5.6598127312,21.33,7.6120934
Glu,1.3135001200000001,0.0421,9.79123,0.31,9.73,0.3,3.1999998,11.2,8.01
NAA,1.4,0.02,10.44,0.15,10.37,0.16,1.43,30.5,7.7
Cr+PCr,1.0,0.014142,7.46,0.11,7.4,0.1,1.0,,
"""

FSL_SUMMARY_RAW = """Metab,Raw conc,Raw CRLB,%CRLB,SNR,FWHM
NAA,1.2345678901234567e-05,1.1e-07,0.8910,30.5,7.7
"""

OSPREY = {
    "A_tCr_Voxel_1.tsv": "Cr\tGlu\tNAA\ttCr\ttNAA\n0.6019\t1.24405873211\t1.33\t1\t1.5512\n",
    "A_TissCorrWaterScaled_Voxel_1.tsv": "Cr\tGlu\tNAA\ttCr\ttNAA\n5.1\t10.55\t11.3\t8.47\t13.15\n",
    "A_CRLB_Voxel_1.tsv": "Cr\tGlu\tNAA\ttCr\ttNAA\n4.2\t3.17\t1.9\t1.2\t1.1\n",
}

TARQUIN_CSV = """Signal amplitudes
Row,Col,Slice,Cr,Glu,NAA,TNAA
1,1,1,1.846712e-03,3.548123e-03,2.788000e-03,3.237000e-03
CRLBs (standard deviation)
Row,Col,Slice,Cr,Glu,NAA,TNAA
1,1,1,1.865000e-04,1.916000e-04,1.495000e-04,1.196000e-04
Fit diagnostics
Row,Col,Slice,Q,SNR,SNR max,stopping reason,version
1,1,1,4.048000e+00,3.623000e+01,1.467000e+02,stopped by small D*p,TARQUIN Version 4.3.11
Basis shifts and dampings
Row,Col,Slice,name,group,shift (PPM),damping (Hz)
1,1,1,Cr,1,1.0e-03,2.1e+00
Geometry parameters
Rows,1
Cols,1
Slices,1
"""

TARQUIN_TXT = """Signal     Conc (mM)       %SD   SD (mM)
----------------------------------------
Cr          0.001847     10.09 0.0001865
NAA         0.002788     5.361 0.0001495

Fit quality
-----------
Q                : 4.048

TARQUIN version 4.3.11
"""
