"""Costs: the cash flow of one option as a chart, and its account line by line."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from advisor.tui.actions import bindings
from advisor.tui.explain import Explanation
from advisor.tui.places.chart import draw_cash, new_plot
from advisor.tui.places.place import Place
from advisor.tui.text import lines, money, section, spread
from advisor.tui.widgets.frame import show_pairs
from advisor.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from advisor.decision.result import CostLine, Decision, OptionResult
    from advisor.tui.session import Session

_COLUMNS = (
    Column("Cost", flexible=True),
    Column("At start", right=True),
    Column("A month", right=True),
    Column("In all", right=True),
    Column("Basis"),
)
_NEXT = {"chart": "account", "account": "returns", "returns": "chart"}


class CostsPlace(Place):
    """The winner's money first; n and p go through the other options."""

    place = "costs"
    BINDINGS: ClassVar[list[BindingType]] = bindings("costs")

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._decision: Decision | None = None

    def body(self) -> ComposeResult:
        yield Static(id="headline")
        with ContentSwitcher(initial="chart"):
            with Vertical(id="chart"):
                yield new_plot()
                yield Static(id="legend")
            with Vertical(id="account"):
                yield Table(_COLUMNS, id="lines")
                with VerticalScroll(id="basis", can_focus=False):
                    yield Static(id="basis-text")
            with VerticalScroll(id="returns"):
                yield Static(id="returns-text")

    async def show(self) -> None:
        session = self.session
        if session is None:
            return
        if session.decision is not self._decision:
            self._number = 0 if self._decision is None else self._same_option(session.decision)
            self._decision = session.decision
        self._draw(session)

    def _same_option(self, decision: "Decision | None") -> int:
        """The place of the option that is on the screen in a newer decision."""
        old = self._option()
        options = drawn_options(decision)
        return next((n for n, o in enumerate(options) if old is not None and o.option_id == old.option_id), 0)

    def _option(self) -> "OptionResult | None":
        options = drawn_options(self._decision)
        return options[self._number % len(options)] if options else None

    def _draw(self, session: "Session") -> None:
        option = self._option()
        self.query_one("#headline", Static).update(_headline(session, option, self._number, self._decision))
        self.query_one(ContentSwitcher).display = option is not None
        if option is None or self._decision is None:
            return
        legend = draw_cash(self.query_one("#plot"), option, dark=self.app.current_theme.dark)
        self.query_one("#legend", Static).update(legend)
        self.query_one("#lines", Table).show([_cells(line) for line in account(option)])
        self._show_basis()
        if self.query_one(ContentSwitcher).current == "returns":
            self._show_returns()

    @on(Table.Moved, "#lines")
    def _show_basis(self) -> None:
        line = self._line()
        parts: list[Content | str] = []
        if line is not None:
            parts = [Content.styled(line.label, "bold"), *_line_parts(line)]
        self.query_one("#basis-text", Static).update(lines(parts))

    @on(Table.Opened, "#lines")
    def _open_line(self) -> None:
        self.program.action_why()

    def _line(self) -> "CostLine | None":
        option = self._option()
        row = self.query_one("#lines", Table).cursor_row
        found = account(option) if option is not None else []
        return found[row] if 0 <= row < len(found) else None

    def action_chart(self) -> None:
        """The next of chart, account and returns."""
        switcher = self.query_one(ContentSwitcher)
        switcher.current = _NEXT[switcher.current or "chart"]
        if switcher.current == "account":
            self.query_one("#lines").focus()
        elif switcher.current == "returns":
            self._show_returns()
            self.query_one("#returns").focus()

    def _show_returns(self) -> None:
        """Returns, chances, what moves the value and break-evens of the recommended option, as the report has them."""
        session, decision = self.session, self._decision
        if session is None or decision is None:
            return
        from advisor.reports.glance import money_text

        width = max(self.query_one("#returns").content_size.width or self.size.width - 4, 40)
        said = money_text(decision, session.project.rulebook, decision.today, min(width, 118))
        if not session.complete:
            said = f"The full decision is still being made; break-evens follow.\n\n{said}"
        self.query_one("#returns-text", Static).update(Content(said))

    def action_next_option(self) -> None:
        self._step(1)

    def action_previous_option(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        options = drawn_options(self._decision)
        if options and self.session is not None:
            self._number = (self._number + by) % len(options)
            self._draw(self.session)

    def on_resize(self) -> None:
        if self.session is not None and self.is_mounted:
            self._draw(self.session)

    def why(self) -> Explanation | None:
        option = self._option()
        if option is None:
            return None
        if self.query_one(ContentSwitcher).current == "account":
            line = self._line()
            return Explanation(line.label, tuple(_line_parts(line))) if line is not None else None
        return Explanation(f"The account of {option.label}", tuple(_whole_account(option)))

    def command_line(self) -> str | None:
        return self.session.command("decide") if self.session is not None else None


def drawn_options(decision: "Decision | None") -> "list[OptionResult]":
    """The options that carry a cash flow: the best first, then what is done today."""
    if decision is None:
        return []
    found = [option for option in [decision.recommended, *decision.ranked, decision.status_quo] if option is not None]
    unique = {option.option_id: option for option in reversed(found) if option.cash is not None}
    return list(reversed(unique.values()))


def account(option: "OptionResult") -> "list[CostLine]":
    """The cost lines, the largest first."""
    return sorted(option.cost_lines, key=lambda line: -(line.expected_usd or 0.0))


def _headline(session: "Session", option: "OptionResult | None", number: int, decision: "Decision | None") -> Content:
    if option is None or decision is None:
        said = session.problem or ("deciding ..." if session.deciding else "There are no costs before a decision.")
        return lines([said, show_pairs([("1", "answer the interview")])])
    many = len(drawn_options(decision))
    first = Content.assemble((option.label, "bold"), (f"   option {number % many + 1} of {many}", "$secondary"))
    second = (
        f"{spread(option.upfront_cost_usd, money)} at start, {spread(option.monthly_cost_usd, money)} a month; "
        f"value {spread(option.npv_usd, money)} over {decision.horizon_months} months"
    )
    keys = show_pairs([("n p", "next, previous option"), ("c", "chart, account, returns"), ("w", "why")])
    return lines([first, second, keys])


def _cells(line: "CostLine") -> list[str]:
    return [
        line.label,
        _amount(line.upfront_usd.p50, line.upfront_usd.p90),
        _amount(line.monthly_usd.p50, line.monthly_usd.p90),
        money(line.expected_usd) if line.expected_usd is not None else "unknown",
        line.origin,
    ]


def _amount(middle: float, high: float) -> str:
    return "-" if middle == 0 and high == 0 else money(middle)


def _line_parts(line: "CostLine") -> list[Content | str]:
    parts: list[Content | str] = [
        line.basis,
        Content.assemble(("at start  ", "$secondary"), spread(line.upfront_usd, money)),
        Content.assemble(("a month   ", "$secondary"), spread(line.monthly_usd, money)),
        Content.assemble(("origin    ", "$secondary"), line.origin),
    ]
    return parts + [Content.styled(f"[{source}]", "$secondary") for source in line.sources]


def _whole_account(option: "OptionResult") -> list[Content | str]:
    parts: list[Content | str] = []
    for line in account(option):
        parts += [section(line.label), *_line_parts(line), ""]
    return parts
