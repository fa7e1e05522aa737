"""Rows to figures: a sentence, a table, and the JSON that Plotly draws. No ORM and no HTTP.

A trace names its role in `meta.role`; the page's tokens give the colour (static/charts.js). Treatments differ by
colour, marker shape and dash, in the order of their codes.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

Cell = str | int | float | None
ROLES = ("a", "b")
DASHES = ("solid", "dash")
SHAPES = ("circle", "square")


@dataclass(frozen=True, slots=True)
class Table:
    """Columns with their rows; numbers stay numbers for the CSV."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def as_csv(self) -> str:
        """Return the table as CSV; a cell that a spreadsheet would run as a formula is quoted with an apostrophe."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(self.columns)
        writer.writerows([_harmless(cell) for cell in row] for row in self.rows)
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a page.

    `plot` makes the Plotly figure when it is asked for; None while there is nothing to draw, and `finding` says why.
    `data` is what the CSV holds, where it is more than the table on the page.
    """

    name: str
    title: str
    finding: str
    table: Table
    plot: Callable[[], go.Figure] | None = None
    data: Table | None = None
    notes: tuple[str, ...] = field(default=())
    is_tall: bool = False

    @property
    def is_drawn(self) -> bool:
        """Whether there is something to draw; for templates, which would call `plot` to see whether it is there."""
        return self.plot is not None

    def as_plotly(self) -> dict[str, Any]:  # Any: Plotly's own JSON
        """Return data and layout, without Plotly's default template."""
        made: dict[str, Any] = self.plot().to_plotly_json() if self.plot else {"data": [], "layout": {}}
        made["layout"].pop("template", None)
        return made

    def as_csv(self) -> str:
        """Return the figure's numbers."""
        return (self.data or self.table).as_csv()


def scatter(role: str, **options: Any) -> go.Scatter:  # Any: Plotly's options
    """Return a trace that is coloured by its role."""
    return go.Scatter(meta={"role": role}, showlegend=False, **options)


def framed(traces: Sequence[go.Scatter | go.Bar], **layout: Any) -> go.Figure:  # Any: Plotly's options
    """Return a figure without a legend; labels stand beside the lines."""
    return go.Figure(data=list(traces), layout=go.Layout(showlegend=False, **layout))


def axis(title: str, **options: Any) -> dict[str, Any]:  # Any: Plotly's options
    """Return an axis with its title."""
    return {"title": {"text": title}, "zeroline": False, **options}


def label(x: Cell, y: float, text: str, **options: Any) -> dict[str, Any]:  # Any: Plotly's options
    """Return a direct label beside what it names."""
    return {"x": x, "y": y, "text": text, "showarrow": False, "xanchor": "left", "yanchor": "middle", **options}


def named(figures: Sequence[Figure]) -> Mapping[str, Figure]:
    """Return figures by name."""
    return {figure.name: figure for figure in figures}


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t"} else cell
