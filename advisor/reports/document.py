"""What a renderer gets: the report and the decision it was made from."""

from dataclasses import dataclass

from advisor.reports.blocks import Report
from advisor.reports.context import Context


@dataclass(frozen=True, slots=True)
class Document:
    """A built report with its context."""

    report: Report
    context: Context
