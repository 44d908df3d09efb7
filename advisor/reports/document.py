"""What a renderer gets: the report, the decision or decisions it was made from, and how to make it again."""

from dataclasses import dataclass
from datetime import date

from advisor.decision.result import Decision
from advisor.reports.blocks import Report
from advisor.reports.context import Context


@dataclass(frozen=True, slots=True)
class Document:
    """A built report. Of one decision: `contexts` has one; of a portfolio: one for each use case."""

    report: Report
    contexts: tuple[Context, ...]
    command: str

    @property
    def decision(self) -> Decision | None:
        """The decision of a report on one use case."""
        return self.contexts[0].decision if len(self.contexts) == 1 else None

    @property
    def oldest(self) -> Context:
        """The context with the oldest prices."""
        return min(self.contexts, key=lambda context: context.prices_date)

    @property
    def prices_date(self) -> date:
        return self.oldest.prices_date

    @property
    def prices_are_stale(self) -> bool:
        return any(context.prices_are_stale for context in self.contexts)

    @property
    def headline(self) -> str:
        """The outcome in one line."""
        return self.report.headline
