"""Deciding in the background: quickly first, then completely, until nobody has changed an answer meanwhile."""

import time
from typing import TYPE_CHECKING

from advisor.base.errors import AdvisorError
from advisor.tui.messages import Decided, DecidingEnded, NotDecided

if TYPE_CHECKING:
    from advisor.answers import Answers
    from advisor.tui.app import AdvisorApp
    from advisor.tui.session import Session

_REST_S = 0.6
"""How long nobody must have answered before the complete decision is made."""


def decide_until_current(app: "AdvisorApp", session: "Session") -> None:
    """Runs in a thread. Posts a quick decision on the present answers, then a complete one, then that it has ended."""
    while True:
        number, answers = app.wanted, session.answers
        if _decide(app, session, answers, quick=True) and _rested(app, number):
            _decide(app, session, answers, quick=False)
        if app.wanted == number:
            app.post_message(DecidingEnded(number))
            return


def _rested(app: "AdvisorApp", number: int) -> bool:
    until = time.monotonic() + _REST_S
    while time.monotonic() < until:
        if app.wanted != number:
            return False
        time.sleep(0.05)
    return app.is_running


def _decide(app: "AdvisorApp", session: "Session", answers: "Answers", *, quick: bool) -> bool:
    """Whether there was a decision. A bug in the engine does not end the interview: it is reported and shown."""
    try:
        decision = session.decide(answers, quick=quick)
    except AdvisorError as error:
        if not app.is_running:
            return False
        app.post_message(NotDecided(str(error), answers))
        return False
    except Exception as error:
        app.post_message(NotDecided(app.bug(error), answers))
        return False
    app.post_message(Decided(decision, answers, complete=not quick))
    return True
