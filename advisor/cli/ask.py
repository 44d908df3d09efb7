"""The interview as plain numbered prompts; works over a pipe and with a screen reader."""

import io
import sys
from typing import TYPE_CHECKING

import click

from advisor.base.errors import AdvisorError, InvalidDataError, UsageError
from advisor.base.files import quoted
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor.decision.result import Decision
    from advisor.interview import Interview, Question
    from advisor.leaning import Adviser
    from advisor.project import Project

_COMMANDS = "? why   b back   u undo   r redo   s I don't know   Enter keep   q quit (all is saved)"


@click.command()
@click.option("--all", "ask_all", is_flag=True, help="Ask on although no answer could change the recommendation.")
@common_options
def command(options: Options, ask_all: bool) -> None:
    """Ask one question at a time; every answer is saved, so that one can stop and come back."""
    from advisor.interview import Interview
    from advisor.leaning import Adviser

    project = _open_or_make(options)
    adviser = Adviser(project.rulebook, project.catalogue, options.today)
    interview = Interview(project, project.facts, order_by=adviser.order_by, settled=adviser.settled)
    interview.ask_all = ask_all
    say = talk if options.json else emit
    _Conversation(interview, adviser, say).run()
    _finish(options, project, adviser, say)


def _open_or_make(options: Options) -> "Project":
    """The project to ask for; a person at a terminal may make one on the spot."""
    from advisor.project import Project, is_project

    if is_project(options.project) or not sys.stdin.isatty():
        return Project.open(options.project)
    talk(f"There is no project in {options.project.resolve()}.")
    name = click.prompt("Name of a new folder for it (empty to stop)", default="", show_default=False, err=True)
    if not name.strip():
        raise UsageError("no project to save the answers in", fix="advisor init DIR, then advisor ask --project DIR")
    return Project.create(options.project / name.strip(), name=name)


class _Conversation:
    """One sitting: reads a line, does what it says, until the questions or the lines end."""

    def __init__(self, interview: "Interview", adviser: "Adviser", say: "Callable[[str], None]") -> None:
        self.interview = interview
        self.adviser = adviser
        self.say = say

    def run(self) -> None:
        # A byte that is not UTF-8 spoils its own line, not the rest of the sitting.
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="surrogateescape")
        self.say(f"Type an answer, or: {_COMMANDS}")
        while (question := self.interview.current()) is not None:
            self._show(question)
            line = self._read()
            if line is None or line.lower() in ("q", "quit"):
                break
            self._obey(question, line)

    def _read(self) -> str | None:
        """One line without its end; None at the end of the input."""
        sys.stdout.flush()
        print("> ", end="", file=sys.stderr, flush=True)  # noqa: T201
        line = sys.stdin.readline()
        if not sys.stdin.isatty():
            talk("")
        return line.strip() if line else None

    def _show(self, question: "Question") -> None:
        from advisor.values import show_value

        fact = question.fact
        self.say("")
        self.say(f"Question {question.number}: {fact.question}")
        self.say(f"  Why: {fact.why}")
        for number, choice in enumerate(fact.choices, start=1):
            self.say(f"  {number}  {choice.label}" + (f" - {choice.help}" if choice.help else ""))
        for number, preset in enumerate(fact.presets, start=1):
            self.say(f"  p{number}  {preset.label} ({show_value(fact.parse(preset.value), fact)})")
        self.say(f"  Answer: {_how_to_answer(question)}")
        if question.current is not None:
            self.say(f"  Now: {show_value(question.current.value, fact)} ({question.current.origin}); Enter keeps it.")
        elif question.declined:
            self.say("  Now: I don't know; Enter keeps it.")
        source = f" [{question.assumed_source}]" if question.assumed_source else ""
        self.say(f"  If skipped: {question.assumed or 'nothing is assumed'}{source}")

    def _obey(self, question: "Question", line: str) -> None:
        fact, interview = question.fact, self.interview
        if not _is_text(line):
            self.say("Not taken: the line is not valid UTF-8\n  fix: send UTF-8")
            return
        match line.lower():
            case "?":
                self._why(question)
            case "b":
                if interview.back() is None:
                    self.say("This is the first question.")
            case "u":
                self._told(interview.undo() is not None, "Undone.", "Nothing left to undo.")
            case "r":
                self._told(interview.redo() is not None, "Done again.", "Nothing to redo.")
            case "s":
                self._recorded(lambda: interview.skip(fact.id))
            case "" if question.current is not None or question.declined:
                interview.keep(fact.id)
            case _:
                self._recorded(lambda: interview.answer(fact.id, _preset(question, line)))

    def _told(self, done: bool, yes: str, no: str) -> None:
        self.say(yes if done else no)

    def _recorded(self, act: "Callable[[], object]") -> None:
        from advisor.interview import Reply

        try:
            reply = act()
        except InvalidDataError as error:
            self.say(f"Not taken: {error.what}" + (f"\n  fix: {error.fix}" if error.fix else ""))
            return
        assert isinstance(reply, Reply)
        if reply.note:
            self.say(reply.note)
        for clash in reply.contradictions:
            self.say(f"Careful: {clash.text}\n  fix: {clash.fix} (b goes back to it)")
        self.say(f"Saved. {leaning_line(self.adviser, self.interview)}")

    def _why(self, question: "Question") -> None:
        from advisor.leaning import what_it_changes

        self.say(f"  {question.fact.why}")
        try:
            # Only the whole decision knows what would flip the winner.
            decision = self.adviser.decide(self.interview.answers)
        except AdvisorError as error:
            self.say(f"  {error.what}")
            return
        changes = what_it_changes(question.fact.id, decision)
        if changes:
            self.say(f"  {changes}")


def _is_text(line: str) -> bool:
    """Whether the line holds no byte that could not be read."""
    return not any("\ud800" <= letter <= "\udfff" for letter in line)


def _how_to_answer(question: "Question") -> str:
    fact = question.fact
    match fact.type:
        case "bool":
            return "y or n"
        case "choice":
            return f"a number from 1 to {len(fact.choices)}"
        case "int" | "number":
            return f"a number, {fact.range_words()}; a range such as 100-200 is fine"
        case "share":
            return "a share: 0 to 1 or a percentage such as 85%"
        case "gpus":
            return "for example 2 x h100, 1 x l4; or none"
        case "date":
            return "YYYY-MM-DD"
        case _:
            return "a line of text"


def _preset(question: "Question", line: str) -> object:
    """The value of a preset (`p2`), else the line itself."""
    from advisor.typed import whole_number

    digits = line[1:]
    if line[:1].lower() == "p" and digits.isdecimal() and question.fact.presets:
        number = whole_number(digits)
        if not 1 <= number <= len(question.fact.presets):
            raise InvalidDataError(f"there is no preset {line[:20]}", fix=f"p1 to p{len(question.fact.presets)}")
        return question.fact.presets[number - 1].value
    return line


def leaning_line(adviser: "Adviser", interview: "Interview") -> str:
    """The current leaning in one line, or why there is none."""
    try:
        decision = adviser.decide(interview.answers, quick=True)
    except AdvisorError as error:
        return f"No leaning: {error.what}"
    return describe_leaning(decision)


def describe_leaning(decision: "Decision") -> str:
    """Verdict, option, quality and money of a decision in one line."""
    from advisor.leaning import leader, money, share, spread

    best = leader(decision)
    if best is None:
        return "Leaning: nothing is feasible with these answers."
    sure = (
        "settled"
        if decision.settled
        else f"this approach is best in {decision.approach_probability(best.approach):.0%} of cases"
    )
    return (
        f"Leaning: {best.label} ({sure}); quality {spread(best.quality, share)}, "
        f"{spread(best.monthly_cost_usd, money)} a month."
    )


def _finish(options: Options, project: "Project", adviser: "Adviser", say: "Callable[[str], None]") -> None:
    """Say where one stands, save the decision; exit 2 when the answers are not enough for one."""
    from advisor.decision.result import Verdict

    decision, where = adviser.decide(project.answers()), quoted(project.folder)
    project.save_decision(decision)
    if options.json:
        emit_json(decision.model_dump(mode="json"))
    say("")
    say(decision.headline)
    say(f"Answers are saved in {project.folder}.")
    if decision.verdict is Verdict.NOT_ENOUGH_INFORMATION:
        for question in decision.next_questions[:3]:
            say(f"  still open: {question.question}")
        raise UsageError("not enough answers yet for a recommendation", fix=f"advisor ask --project {where}")
    say(f"next: advisor decide --project {where}   or: advisor report --project {where}")
