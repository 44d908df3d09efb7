"""The palette (ctrl+p): every action by its name, those of the open place first."""

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from advisor.tui.actions import ACTIONS, PLACE_TITLES, Action

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp


class ActionPalette(Provider):
    """Finds actions by name or by what they do."""

    @property
    def _program(self) -> "AdvisorApp":
        from advisor.tui.app import AdvisorApp

        assert isinstance(self.app, AdvisorApp)
        return self.app

    def _ordered(self) -> list[Action]:
        open_place = self._program.open_place
        here = open_place.place if open_place is not None else None
        return sorted(ACTIONS, key=lambda action: (action.place != here, action.place is not None))

    async def discover(self) -> Hits:
        for action in self._ordered():
            yield DiscoveryHit(Content(_name(action)), partial(self._program.run_listed, action), help=action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._ordered():
            name = _name(action)
            score = max(matcher.match(name), matcher.match(f"{name} {action.help}") * 0.8)
            if score > 0:
                yield Hit(score, matcher.highlight(name), partial(self._program.run_listed, action), help=action.help)


def _name(action: Action) -> str:
    place = f"{PLACE_TITLES[action.place]}: " if action.place else ""
    return f"{place}{action.label} ({action.shown})"
