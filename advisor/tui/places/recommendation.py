"""The recommendation: all options, why, the plan, what would change it, and what was ruled out."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.style import Style
from textual.widgets import ContentSwitcher, Static

from advisor.base.errors import AdvisorError
from advisor.tui.actions import ACTIONS, bindings
from advisor.tui.explain import Explanation
from advisor.tui.messages import CommandDone
from advisor.tui.places.details import Item, flip_items, option_parts, plan_items, reason_items, ruled_out_items
from advisor.tui.places.place import Place
from advisor.tui.text import latency, lines, money, share
from advisor.tui.widgets.frame import show_pairs
from advisor.tui.widgets.leaning import verdict_state
from advisor.tui.widgets.rows import WIDE, Rows
from advisor.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from advisor.decision.result import Decision, OptionResult
    from advisor.tui.session import Session

_COLUMNS = (
    Column("Option", flexible=True),
    Column("Quality", right=True),
    Column("A month", right=True),
    Column("At start", right=True),
    Column("p95", right=True, wide=True),
    Column("Value", right=True, wide=True),
    Column("Even in", right=True, wide=True),
    Column("Best in", right=True),
)
_PARTS = tuple(a for a in ACTIONS if a.place == "recommendation" and a.id.startswith("part-"))
_REPORT = "report"


class RecommendationPlace(Place):
    """Shows the latest decision in five parts."""

    place = "recommendation"
    BINDINGS: ClassVar[list[BindingType]] = bindings("recommendation")

    def __init__(self) -> None:
        super().__init__()
        self.part = "options"
        self._shown: Decision | None = None
        self._items: dict[str, list[Item]] = {}

    def body(self) -> ComposeResult:
        yield Static(id="headline")
        yield Static(id="parts")
        with ContentSwitcher(initial="options"):
            with Vertical(id="options"):
                yield Table(_COLUMNS, id="ranked")
                with VerticalScroll(id="option"):
                    yield Static(id="option-text")
            for part in ("reasons", "plan", "flips", "ruled-out"):
                yield Rows(id=part)

    async def show(self) -> None:
        session = self.session
        if session is None:
            return
        self.query_one("#headline", Static).update(headline(session))
        self.query_one("#parts", Static).update(_parts_line(self.part, session.decision))
        if session.decision is None or session.decision is self._shown:
            return
        first = self._shown is None
        self._shown = session.decision
        await self._fill(session, session.decision)
        self._save(session)
        if first:
            self._focus_part()

    async def _fill(self, session: "Session", decision: "Decision") -> None:
        self.query_one("#ranked", Table).show([_cells(option) for option in decision.ranked])
        self._show_option()
        rulebook = session.project.rulebook
        self._items = {
            "reasons": reason_items(decision, rulebook),
            "plan": plan_items(decision, rulebook),
            "flips": flip_items(decision, session),
            "ruled-out": ruled_out_items(decision, rulebook),
        }
        for part, items in self._items.items():
            await self.query_one(f"#{part}", Rows).show([item.row for item in items])

    def _save(self, session: "Session") -> None:
        try:
            session.keep_decision()
        except (AdvisorError, OSError) as error:
            self.program.say(f"The decision could not be saved: {error}", bad=True)

    def _option(self) -> "OptionResult | None":
        row = self.query_one("#ranked", Table).cursor_row
        ranked = self._shown.ranked if self._shown else []
        return ranked[row] if 0 <= row < len(ranked) else None

    @on(Table.Moved, "#ranked")
    def _show_option(self) -> None:
        option = self._option()
        if option is None or self._shown is None:
            return
        wide = self.app.size.width >= WIDE
        self.query_one("#option-text", Static).update(lines(option_parts(option, self._shown, wide=wide)))
        self.query_one("#option", VerticalScroll).scroll_home(animate=False)

    @on(Table.Opened, "#ranked")
    async def _open_option(self) -> None:
        self.program.action_why()

    @on(Rows.Chosen)
    async def _chosen(self, event: Rows.Chosen) -> None:
        item = self._item()
        if item is None:
            return
        if item.fact is not None:
            await self.program.go_to_question(item.fact)
        else:
            self.program.action_why()

    def _item(self) -> Item | None:
        items = self._items.get(self.part, [])
        place = self.query_one(f"#{self.part}", Rows).cursor if self.part != "options" else -1
        return items[place] if 0 <= place < len(items) else None

    def _open_part(self, part: str) -> None:
        self.part = part
        self.query_one(ContentSwitcher).current = part
        if self.session is not None:
            self.query_one("#parts", Static).update(_parts_line(part, self.session.decision))
        self._focus_part()

    def _focus_part(self) -> None:
        self.query_one("#ranked" if self.part == "options" else f"#{self.part}").focus()

    def action_part_options(self) -> None:
        self._open_part("options")

    def action_part_reasons(self) -> None:
        self._open_part("reasons")

    def action_part_plan(self) -> None:
        self._open_part("plan")

    def action_part_flips(self) -> None:
        self._open_part("flips")

    def action_part_ruled_out(self) -> None:
        self._open_part("ruled-out")

    def action_report(self) -> None:
        if self.program.commands.start(_REPORT, "report"):
            self.program.say("Writing the report ...")
        else:
            self.program.say("The report is being written.")

    async def command_done(self, message: CommandDone) -> None:
        if message.name != _REPORT:
            return
        if message.code or not isinstance(message.value, dict):
            self.program.say(message.problem or f"The report ended with exit code {message.code}.", bad=True)
            return
        files = message.value.get("files", {})
        first = next(
            (paths[0] for name, paths in files.items() if name == "html" and paths), message.value.get("folder")
        )
        self.program.say(f"Report written: {first}")

    def why(self) -> Explanation | None:
        if self.session is None or self._shown is None:
            return None
        if self.part == "options":
            option = self._option()
            if option is None:
                return None
            about = {"winner"} if _is_winner(option, self._shown) else set()
            items = reason_items(self._shown, self.session.project.rulebook, about=about | {option.option_id})
            return Explanation(option.label, _all_reasons(option, self._shown, items))
        item = self._item()
        return item.explanation if item is not None else None

    def command_line(self) -> str | None:
        return self.session.command("decide") if self.session is not None else None


def _is_winner(option: "OptionResult", decision: "Decision") -> bool:
    return decision.recommended is not None and option.option_id == decision.recommended.option_id


def _all_reasons(option: "OptionResult", decision: "Decision", items: list[Item]) -> tuple[Content | str, ...]:
    parts = option_parts(option, decision, wide=True)
    for item in items:
        if item.explanation is not None:
            parts += ["", Content("-" * 20), *item.explanation.parts]
    return tuple(parts)


def headline(session: "Session") -> Content:
    """The verdict and its sentence, or why there is none, with the key that helps."""
    decision = session.decision
    if decision is None:
        if session.problem:
            return lines([Content.styled(session.problem, "$text-warning"), show_pairs([("1", "change the answers")])])
        waiting = "deciding ..." if session.deciding else "There is no decision yet."
        return lines([waiting, show_pairs([("1", "answer the interview")])])
    said = Content.assemble(verdict_state(decision), "  ", decision.headline)
    if session.problem:
        return lines([Content.styled(f"On the answers before: {session.problem}", "$text-warning"), said])
    if not session.up_to_date:
        return lines([said, Content.styled("deciding on the latest answers ...", "$secondary")])
    return said


def _parts_line(part: str, decision: "Decision | None") -> Content:
    counts = {} if decision is None else _counts(decision)
    shown = []
    for action in _PARTS:
        name = action.id.removeprefix("part-")
        count = f" {counts[name]}" if counts.get(name) else ""
        label = f"{action.shown} {action.label}{count}"
        if name == part:
            shown.append(Content.styled(f"[{label}]", "bold $text-primary"))
        else:
            shown.append(Content(f" {label} ").stylize(Style.from_meta({"@click": f"screen.{action.call}"})))
    return Content("").join(shown)


def _counts(decision: "Decision") -> dict[str, int]:
    return {"options": len(decision.ranked), "flips": len(decision.flips), "ruled-out": len(decision.ruled_out)}


def _cells(option: "OptionResult") -> list[str]:
    even = option.break_even_month
    return [
        option.label,
        share(option.quality.p50),
        money(option.monthly_cost_usd.p50),
        money(option.upfront_cost_usd.p50),
        latency(option.latency_p95_ms.p50),
        money(option.npv_usd.p50),
        f"{even.p50:.0f} mo" if even is not None else "-",
        share(option.probability_best),
    ]
