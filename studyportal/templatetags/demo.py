"""The line about the demo's spectra, for pages that want it: `{% load demo %}{% demo_progress study %}`."""

from django import template

from studyportal.demo.progress import progress_of
from studyportal.studies.models import Study

register = template.Library()


@register.inclusion_tag("demo/_progress.html")
def demo_progress(study: Study | None) -> dict[str, object]:
    """Show the line while spectra of a SYNTHETIC study are still on their way."""
    if study is None or not study.is_synthetic:
        return {"progress": None}
    progress = progress_of(study)
    return {"progress": None if progress.is_complete else progress}
