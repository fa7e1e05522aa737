"""Results of other programs, every number as its file has it: LCModel, FSL-MRS, Osprey, Tarquin.

``read_results(path, *, name=None, row=None) -> ImportedResult``

Numbers are kept as the text that the program wrote, so that nothing is rounded on the way. Titles, paths and comments
of a result file may name a person: none is kept.
"""

from sessions.mrs.importers.reading import read_results
from sessions.mrs.importers.result import Estimate, ImportedMetabolite, ImportedResult

__all__ = ["Estimate", "ImportedMetabolite", "ImportedResult", "read_results"]
