"""What every place shares: the frame, the session, and the keys that work there."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.css.query import NoMatches
from textual.events import DescendantBlur, DescendantFocus
from textual.screen import Screen

from advisor.tui.messages import CommandDone
from advisor.tui.widgets.entry import Field
from advisor.tui.widgets.frame import KeyLine, PlacesLine, TopLine

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp
    from advisor.tui.explain import Explanation
    from advisor.tui.session import Session


class Place(Screen[None]):
    """A place. Subclasses give `place`, the widgets of `body()`, and `show()` that brings them up to date."""

    place: ClassVar[str]
    AUTO_FOCUS = ""

    @property
    def program(self) -> "AdvisorApp":
        """The app, typed."""
        from advisor.tui.app import AdvisorApp

        app = self.app
        assert isinstance(app, AdvisorApp)
        return app

    @property
    def session(self) -> "Session | None":
        return self.program.session

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield PlacesLine(self.place)
        with Container(id="body"):
            yield from self.body()
        yield KeyLine(self.place)

    def body(self) -> ComposeResult:
        """The widgets of the place."""
        raise NotImplementedError

    async def show(self) -> None:
        """Bring the widgets up to date with the session (which may not be open yet)."""
        raise NotImplementedError

    async def refresh_place(self) -> None:
        """The frame and the place's own widgets, as things are now; nothing when they are being taken down."""
        try:
            self.query_one(TopLine).show(self.session)
            await self.show()
        except NoMatches:
            if self.program.is_running:
                raise

    async def on_screen_resume(self) -> None:
        if self.is_mounted:
            await self.refresh_place()

    async def on_mount(self) -> None:
        await self.refresh_place()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        self._show_keys()

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        self._show_keys()

    def _show_keys(self) -> None:
        """Say in the last line when letters go into a field."""
        field = self.focused
        typing = isinstance(field, Field)
        self.query_one(KeyLine).show(letters=isinstance(field, Field) and field.letters, digits=typing)

    def command_line(self) -> str | None:
        """The command that does what this place shows, for the key `y`."""
        return None

    def why(self) -> "Explanation | None":
        """What stands behind the thing under the cursor, for the key `w`."""
        return None

    async def command_done(self, message: CommandDone) -> None:
        """A command that runs in its own process has ended."""
