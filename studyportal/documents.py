"""Documents to print or keep: PDF from Typst templates, tagged for screen readers, the same bytes for the same data.

A template is a `.typ` file of an app's `templates/`; it imports `/studyportal/templates/documents/sheet.typ` and reads
what it shows from `sheet.data`. Values reach it as JSON and are shown as they are: nothing in them is read as markup.
"""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path

import typst
from django.conf import settings


def render_pdf(template: str, data: Mapping[str, object], *, at: datetime.datetime) -> bytes:
    """Return a PDF.

    Args:
        template: path from the repository's root, such as `sessions/templates/sessions/receipt.typ`.
        data: what the template shows; strings, numbers, booleans, None, lists and mappings of them.
        at: the moment that the file names as its making; without another source of change the bytes stay the same.

    Raises:
        typst.TypstError: the template is wrong, never the data.
    """
    root = Path(settings.BASE_DIR)
    made = typst.compile(
        str(root / template), root=str(root), sys_inputs={"data": json.dumps(data)}, ignore_system_fonts=True,
        timestamp=int(at.timestamp()),
    )  # fmt: skip
    if not isinstance(made, bytes):
        msg = f"{template} made no single PDF"
        raise TypeError(msg)
    return made
