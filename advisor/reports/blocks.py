"""What a report is made of, whatever it is rendered to: sections of headings, paragraphs, figures, tables and charts.

Text is plain text, never markup; each renderer escapes it. Numbers stay numbers until a renderer writes them
(`advisor.reports.numbers`), so that CSV and JSON hold values and people read rounded figures with their unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from advisor.decision.result import Spread


class Kind(StrEnum):
    """What a number is, hence how it is written."""

    TEXT = "text"
    USD = "usd"
    USD_EXACT = "usd_exact"
    """To the dollar: for accounts that a reader adds up."""
    SHARE = "share"
    POINTS = "points"
    """A difference of two shares, in percentage points."""
    MS = "ms"
    MONTHS = "months"
    WEEKS = "weeks"
    COUNT = "count"
    NUMBER = "number"


class Origin(StrEnum):
    """How a number came to be; every figure in a report carries one of these words."""

    MEASURED = "measured"
    ANSWERED = "answered"
    IMPORTED = "imported"
    ASSUMED = "assumed"
    ESTIMATED = "estimated"


class Tone(StrEnum):
    """How much a callout matters. Shown as a glyph and a word, not by colour alone."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


NOT_APPLICABLE = "–"
"""What stands in a cell that has no value by nature; a value that is not known is None."""

Scalar = str | int | float | bool | None
Cell = Scalar | Spread


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. `key` names it in CSV and JSON; a spread becomes key_p10, key_p50, key_p90 there."""

    key: str
    label: str
    kind: Kind = Kind.TEXT
    data_only: bool = False
    """For CSV and JSON; people do not see it."""
    fine_print: bool = False
    """Shown small below the row instead of beside the other cells; left out where the cell says nothing."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; `quiet` for remarks that explain how to read what stands above."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `numbered` when the order matters."""

    items: Sequence[str]
    numbered: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Callout:
    """A message that must not be missed."""

    tone: Tone
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the money panel."""

    key: str
    label: str
    value: Cell
    kind: Kind
    origin: Origin
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers shown large, side by side."""

    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. `name` is the file name of its CSV; a cell of None is shown as unknown, never as 0."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    strong_rows: frozenset[int] = frozenset()
    """Rows that are totals or the recommendation."""
    shown_rows: int | None = None
    """How many rows a reader sees at once; the rest is folded away, or left to the CSV file. None: all."""
    folded_rows: int = 150
    """How many more a page holds behind a fold; what is beyond is in the CSV file only."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.name}: a row of {len(row)} cells under {len(self.columns)} columns")

    def for_people(self) -> "Table":
        """The table without the columns that are data only."""
        kept = [place for place, column in enumerate(self.columns) if not column.data_only]
        if len(kept) == len(self.columns):
            return self
        rows = [[row[place] for place in kept] for row in self.rows]
        return replace(self, columns=[self.columns[place] for place in kept], rows=rows)


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be copied exactly, such as a command line."""

    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The title of an axis with its unit, and what its numbers are."""

    title: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class FanSeries:
    """One option in the fan chart: P10, P50 and P90 for each month from 0."""

    label: str
    p10: Sequence[float]
    p50: Sequence[float]
    p90: Sequence[float]
    role: str
    """winner, alternative or status_quo"""
    break_even_month: float | None = None


@dataclass(frozen=True, slots=True)
class FanChart:
    """Money against months, with the uncertainty as a band."""

    name: str
    title: str
    description: str
    x: Axis
    y: Axis
    series: Sequence[FanSeries]


@dataclass(frozen=True, slots=True)
class Point:
    """One option in the cost-quality chart."""

    label: str
    x: Spread
    y: Spread
    size: float | None
    group: str
    marked: bool
    """On the Pareto front: no other option is better in all respects."""
    named: str | None = None
    """What stands beside the point, for the few that a reader looks for."""


@dataclass(frozen=True, slots=True)
class PointChart:
    """Options by cost and quality; the area of a point is its latency."""

    name: str
    title: str
    description: str
    x: Axis
    y: Axis
    size_title: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class BarChart:
    """Labelled lengths, the largest first."""

    name: str
    title: str
    description: str
    x: Axis
    labels: Sequence[str]
    values: Sequence[float]
    highlight: int | None = None


@dataclass(frozen=True, slots=True)
class StackedBars:
    """One bar for each category, made of segments that add up."""

    name: str
    title: str
    description: str
    x: Axis
    categories: Sequence[str]
    segments: Sequence[tuple[str, Sequence[float]]]


@dataclass(frozen=True, slots=True)
class TornadoBar:
    """What the result becomes when one input takes its low and its high value."""

    label: str
    low_label: str
    high_label: str
    at_low: float
    at_high: float


@dataclass(frozen=True, slots=True)
class TornadoChart:
    """Inputs by how far they move the result."""

    name: str
    title: str
    description: str
    x: Axis
    base: float
    bars: Sequence[TornadoBar]


@dataclass(frozen=True, slots=True)
class MapChart:
    """Which option is best over a grid of two inputs."""

    name: str
    title: str
    description: str
    x_title: str
    y_title: str
    x_values: Sequence[float]
    y_values: Sequence[float]
    winners: Sequence[Sequence[str]]
    current: tuple[float, float] | None = None
    front: str | None = None
    """The option in front, which keeps its colour from chart to chart."""


Chart = FanChart | PointChart | BarChart | StackedBars | TornadoChart | MapChart
Block = Heading | Paragraph | Items | Callout | Figures | Table | Code | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the report."""

    id: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole document, ready for a renderer."""

    title: str
    subtitle: str
    headline: str
    sections: Sequence[Section]
    banner: str | None = None
    """Said on every page, such as that the prices are stale."""

    def charts(self) -> list[Chart]:
        """Every chart, in the order of the report."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Chart)]

    def tables(self) -> list[Table]:
        """Every table, those of charts included, in the order of the report."""
        from advisor.reports.chartdata import chart_table

        found: list[Table] = []
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    found.append(block)
                elif isinstance(block, Chart):
                    found.append(chart_table(block))
        return found
