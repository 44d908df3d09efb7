"""The widget for each type of fact, and how its answers are typed and read."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from advisor.base.errors import InvalidDataError
from advisor.tui.widgets.entry import Entry, Offer, Reading
from advisor.tui.widgets.rows import Row, Rows
from rules.facts import Fact, Interval

if TYPE_CHECKING:
    from advisor.interview import Question
    from advisor.tui.session import Session
    from pricing.catalogue import Catalogue

_HOW = {
    "int": "a whole number or a range: 2500, 2.5k, 100-200",
    "number": "a number or a range: 2500, 2.5k, 100-200",
    "share": "a share or a range: 85%, 0.85, 80%-90%",
    "gpus": "for example 2 x h100, 1 x l4; or none",
    "date": "YYYY-MM-DD",
    "text": "a line of text",
}
_ENDLESS = 1e9
"""A range up to here or higher tells nobody anything."""
_MODEL_FACT = "current.model"


def how_to_answer(fact: Fact) -> str:
    """How an answer to the fact is typed, with the range that is allowed."""
    how = _HOW.get(str(fact.type), "choose one")
    bounded = fact.type in ("int", "number") and fact.highest < _ENDLESS
    return f"{how} ({fact.range_words()})" if bounded else how


def answer_widget(question: "Question", session: "Session") -> Widget:
    """The widget that takes an answer to `question`."""
    fact = question.fact
    if fact.type in ("bool", "choice"):
        return _choices(question)
    return Entry(
        lambda text: read_text(fact, text, session.project.catalogue),
        letters=fact.type in ("text", "gpus"),
        placeholder=_placeholder(fact),
        hint=how_to_answer(fact),
        offers=_offers(fact, session),
        collect=fact.type == "gpus",
    )


def _choices(question: "Question") -> Rows:
    fact = question.fact
    current = None if question.current is None else question.current.value
    if fact.type == "bool":
        rows = [Row("Yes", marked=current is True), Row("No", marked=current is False)]
        marked = None if current is None else int(current is False)
    else:
        rows = [Row(choice.label, marked=choice.value == current, note=choice.help or "") for choice in fact.choices]
        marked = next((n for n, choice in enumerate(fact.choices) if choice.value == current), None)
    found = Rows(rows, id="choices")
    if marked is not None:
        found.set_reactive(Rows.cursor, marked)
    return found


def _placeholder(fact: Fact) -> str:
    examples = {"gpus": "2 x h100", "date": "2027-01-01", "share": "85%", "text": ""}
    example = examples.get(str(fact.type), "2.5k")
    return f"type here, for example {example}" if example else "type here"


def _offers(fact: Fact, session: "Session") -> list[Offer]:
    if fact.type == "gpus":
        gpus = [gpu for gpu in session.project.catalogue.gpus.values() if gpu.memory_gib]
        return [Offer(f"1 x {gpu.id}", f"1 x {gpu.id}", f"{gpu.name}, {gpu.memory_gib:g} GiB") for gpu in gpus]
    if fact.id == _MODEL_FACT:
        models = session.project.catalogue.models.values()
        return [Offer(model.id, model.id, model.name) for model in models]
    if fact.type == "date":
        return [Offer(day.isoformat(), day.isoformat()) for day in _first_days(session.adviser.today)]
    return [Offer(p.label, show_plain(fact.parse(p.value)), shown(fact.parse(p.value), fact)) for p in fact.presets]


def _first_days(today: date) -> Sequence[date]:
    """The first days of the next three months."""
    months = [today.year * 12 + today.month + ahead for ahead in range(3)]
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def show_plain(value: Any) -> str:
    """A number as it can be typed again without losing a digit."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def read_text(fact: Fact, text: str, catalogue: "Catalogue") -> Reading:
    """How a typed text is understood: the value with its unit, or what is wrong and how to mend it."""
    from advisor.typed import parse_typed

    try:
        value = parse_typed(fact, text)
    except InvalidDataError as error:
        what = error.what.removeprefix(f"{fact.id}: ")
        return Reading(f"{what}; {error.fix}" if error.fix else what, good=False)
    unknown = _unknown_names(fact, value, catalogue)
    if unknown:
        return Reading(unknown, good=False)
    if fact.type == "text":
        return Reading("Enter saves it", good=True)
    return Reading(f"read as {shown(value, fact)}", good=True)


def shown(value: Any, fact: Fact) -> str:
    """A value as people read it: choices by their label, shares as percentages, the rest with its unit."""
    from advisor.values import show_value

    if fact.type == "choice":
        return next((choice.label for choice in fact.choices if choice.value == value), str(value))
    if fact.type == "share" and isinstance(value, float):
        return f"{value * 100:.6g}%"
    if fact.type == "share" and isinstance(value, Interval):
        return f"{value.low * 100:.6g}% to {value.high * 100:.6g}%"
    return show_value(value, fact)


def _unknown_names(fact: Fact, value: Any, catalogue: "Catalogue") -> str | None:
    """A remark on a model or GPU that the price list does not hold; it may be saved all the same."""
    from difflib import get_close_matches

    if fact.type == "gpus":
        known = {name.lower() for gpu in catalogue.gpus.values() for name in (gpu.id, gpu.name, *gpu.aliases)}
        missing = [row["gpu"] for row in value if row["gpu"].lower() not in known]
        names = list(catalogue.gpus)
    elif fact.id == _MODEL_FACT:
        missing, names = [value] if value not in catalogue.models else [], list(catalogue.models)
    else:
        return None
    if not missing:
        return None
    close = get_close_matches(missing[0].lower(), names, n=1)
    hint = f"did you mean {close[0]}?" if close else "it will have no price"
    return f"{missing[0]!r} is not in the price list; {hint}"


def answer_words(value: Any) -> str:
    """A value as `advisor answers set` takes it."""
    from advisor.answers import plain_value

    plain = plain_value(value)
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    if isinstance(plain, dict):
        return f"{plain['low']:.15g}-{plain['high']:.15g}"
    if isinstance(plain, list):
        return ", ".join(f"{row['count']} x {row['gpu']}" for row in plain) or "none"
    return show_plain(plain)
