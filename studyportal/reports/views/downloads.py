"""A figure's numbers as a file."""

from django.http import HttpResponse

from studyportal.reports.figures import Figure


def csv_answer(figure: Figure, filename: str) -> HttpResponse:
    """Return the figure's CSV as an attachment."""
    answer = HttpResponse(figure.as_csv(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{filename}.csv"'
    return answer
