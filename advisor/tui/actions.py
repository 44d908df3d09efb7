"""Every action of the terminal interface in one table: keys, footer, help and palette are made from it.

An action `id` runs the method `action_<id>` (dashes as underscores) of the place, or of the app when it has no place.
"""

from dataclasses import dataclass

from textual.binding import Binding, BindingType

PLACES = ("interview", "recommendation", "costs", "data", "runs", "evaluation")
PLACE_TITLES = {name: name.capitalize() for name in PLACES}


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a person can do by a key."""

    id: str
    keys: tuple[str, ...]
    shown: str
    """The keys as people read them."""
    label: str
    help: str
    place: str | None = None
    """The place where it works; None for everywhere."""
    footer: bool = False

    @property
    def call(self) -> str:
        """What Textual runs."""
        if self.id.startswith("go-"):
            return f"go('{self.id.removeprefix('go-')}')"
        return self.id.replace("-", "_")


def _go(number: int, place: str) -> Action:
    return Action(f"go-{place}", (str(number),), str(number), PLACE_TITLES[place], f"Go to {PLACE_TITLES[place]}")


ACTIONS: tuple[Action, ...] = (
    *(_go(number, place) for number, place in enumerate(PLACES, start=1)),
    Action(
        "back", ("b", "left"), "b", "Back", "The question before this one; nothing is taken back", "interview", True
    ),
    Action("undo", ("u",), "u", "Undo", "Take the latest change of an answer back", "interview", True),
    Action("redo", ("r",), "r", "Redo", "Take the latest undo back", "interview"),
    Action("skip", ("s",), "s", "I don't know", "Skip the question: the assumption stands", "interview"),
    Action("ask-all", ("a",), "a", "Ask all", "Ask on although the recommendation is settled", "interview"),
    Action("part-options", ("o",), "o", "Options", "All options, the best first", "recommendation"),
    Action("part-reasons", ("r",), "r", "Reasons", "Why it wins, with rule and evidence", "recommendation"),
    Action("part-plan", ("p",), "p", "Plan", "The staged plan with its gates", "recommendation"),
    Action("part-flips", ("f",), "f", "Flips", "What would change the recommendation", "recommendation"),
    Action("part-ruled-out", ("x",), "x", "Ruled out", "What was ruled out, and by which rule", "recommendation"),
    Action("report", ("e",), "e", "Report", "Write the report (HTML, Markdown, JSON)", "recommendation", True),
    Action(
        "chart", ("c",), "c", "Next view", "Cash-flow chart, account by line, or returns and break-evens", "costs", True
    ),
    Action("next-option", ("n",), "n", "Next option", "The money of the next option", "costs", True),
    Action("previous-option", ("p",), "p", "Previous option", "The money of the option before", "costs"),
    Action("check-data", ("c",), "c", "Check", "Check the selected data file", "data", True),
    Action("split-data", ("s",), "s", "Split", "Hold test rows out of the selected file", "data", True),
    Action("review-data", ("v",), "v", "Review", "Look at a random sample of the selected file", "data"),
    Action("bring-in", ("i",), "i", "Bring in", "Copy a data file into the project", "data", True),
    Action(
        "start-run", ("n",), "n", "New run", "Start the recommended run, after a plan and a confirmation", "runs", True
    ),
    Action("start-by-hand", ("m",), "m", "Other run", "Start a run with method and model of your own choice", "runs"),
    Action("stop-run", ("s",), "s", "Stop", "Stop the selected run; it can be resumed", "runs", True),
    Action("resume-run", ("r",), "r", "Resume", "Resume the selected run from its last checkpoint", "runs"),
    Action("next-evaluation", ("n",), "n", "Older", "The evaluation before this one", "evaluation"),
    Action("previous-evaluation", ("p",), "p", "Newer", "The evaluation after this one", "evaluation"),
    Action("evaluate", ("e",), "e", "Evaluate", "Compare base and tuned model on the test rows", "evaluation", True),
    Action("why", ("w",), "w", "Why", "The rule, its evidence and its sources", footer=True),
    Action("answers", ("l",), "l", "All answers", "Every question with its answer; choose one to change it"),
    Action("copy-command", ("y",), "y", "Copy command", "Copy the equivalent command line, and write it to a file"),
    Action("light-dark", ("t",), "t", "Light/dark", "Switch between the light and the dark theme"),
    Action("help", ("question_mark", "f1"), "?", "Help", "All keys of this place", footer=True),
    Action("quit", ("q", "ctrl+q"), "q", "Quit", "Leave; everything is saved", footer=True),
)

_PLACES_HINT = ("1-6", "Places")
_PALETTE_HINT = ("ctrl+p", "Palette", "All actions by name")


def bindings(place: str | None) -> list[BindingType]:
    """The bindings of a place, or with None those that work everywhere. Each has an id, so that it can be re-bound."""
    return [
        Binding(",".join(action.keys), action.call, action.label, id=action_id(action), tooltip=action.help, show=False)
        for action in ACTIONS
        if action.place == place
    ]


def action_id(action: Action) -> str:
    """The name under which a key map can re-bind the action."""
    return f"{action.place}.{action.id}" if action.place else action.id


def available(place: str | None) -> list[Action]:
    """What can be done in a place: its own actions first."""
    own = [action for action in ACTIONS if place is not None and action.place == place]
    return own + [action for action in ACTIONS if action.place is None]


def footer(place: str | None) -> list[tuple[str, str]]:
    """At most six (key, label) pairs for the bottom line."""
    chosen = [(action.shown, action.label) for action in available(place) if action.footer]
    return [_PLACES_HINT, *chosen][:6]


def help_rows(place: str | None) -> list[tuple[str, str, str]]:
    """(keys, label, what it does) for the help window."""
    return [(action.shown, action.label, action.help) for action in available(place)] + [_PALETTE_HINT]
