"""The program around the places: starting, sizes, colours, crashes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Advisor
from screens import EXAMPLES, LARGE, SMALL, TODAY, example, terminal
from textual.color import Color
from textual.strip import Strip

from advisor.project import Project
from advisor.tui.app import AdvisorApp
from advisor.tui.theme import DARK, LIGHT


@pytest.mark.parametrize("arguments", [[], ["tui"], ["tui", "--plain"], ["tui", "--json"]])
def test_without_a_terminal_it_ends_at_once_and_names_what_to_use(advisor: Advisor, arguments: list[str]) -> None:
    ended = advisor(*arguments)
    assert ended.code == 2
    for instead in ("advisor ask", "advisor decide FILE --json", "advisor report"):
        assert instead in ended.err
    assert ended.out == ""


def test_nothing_heavy_is_imported_before_the_first_paint() -> None:
    code = (
        "import sys, advisor.cli.tui, advisor.tui.app\n"
        "from advisor.tui.places import place_classes\n"
        "from advisor.tui.places import interview\n"
        "heavy = ['torch', 'transformers', 'pandas', 'plotly', 'numpy', 'scipy', 'pulp', 'plotext', 'datasets']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


async def test_a_folder_without_a_project_offers_to_make_one(tmp_path: Path) -> None:
    async with terminal(tmp_path, opened=False) as shown:
        await shown.until(lambda: "There is no project in" in shown.says())
        await shown.press("enter", "enter")
        await shown.until(lambda: shown.app.session is not None)
        await shown.until(lambda: "[1 Interview]" in shown.text())
    assert Project.open(tmp_path / "project").answers() is not None


async def test_a_project_can_start_from_an_example(tmp_path: Path) -> None:
    shipped = sorted([*EXAMPLES.glob("*.yaml"), *EXAMPLES.glob("*/answers.yaml")])
    async with terminal(tmp_path / "new", LARGE, opened=False) as shown:
        await shown.until(lambda: shipped[0].stem.replace("-", " ") in shown.says())
        await shown.press("enter", "down", "enter")
        await shown.until(lambda: shown.app.session is not None)
    assert len(Project.open(tmp_path / "new").answers()) > 5


async def test_a_name_that_cannot_be_a_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "project").write_text("a file", encoding="utf-8")
    async with terminal(tmp_path, opened=False) as shown:
        field = shown.app.screen.query_one("#folder")
        field.value = str(tmp_path / "project")  # type: ignore[attr-defined]
        await shown.press("enter", "enter")
        await shown.until(lambda: "this is a file, not a folder" in shown.says())
        field.value = ""  # type: ignore[attr-defined]
        await shown.press("enter", "enter")
        await shown.until(lambda: "no folder is named" in shown.says())


async def test_a_broken_project_ends_with_the_file_and_line(project: Path) -> None:
    (project / "answers.jsonl").write_text('{"v": 1, "id": 1}\n{"v"\n', encoding="utf-8")
    async with terminal(project, opened=False) as shown:
        await shown.until(lambda: shown.app.ended_by is not None)
        assert "answers.jsonl:1" in str(shown.app.ended_by)
        assert getattr(shown.app.ended_by, "exit_code", None) == 3


async def test_a_bug_ends_with_70_and_everything_saved(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug [red]of ours[/]")

    app = AdvisorApp(project, TODAY, report_bug=lambda error: project / "never")

    async def session() -> None:
        async with app.run_test(size=SMALL) as pilot:
            while app.session is None:
                await pilot.pause(0.05)
            await app.go_to_question("task.kind")
            await pilot.press("enter")
            monkeypatch.setattr(AdvisorApp, "action_light_dark", broken)
            await pilot.press("escape", "t")
            await pilot.pause(0.5)

    with pytest.raises(RuntimeError, match="of ours"):
        await session()
    assert app.return_code == 70
    assert isinstance(app.ended_by, RuntimeError)
    assert Project.open(project).answers().value("task.kind") == "classification"


async def test_a_bug_of_the_engine_is_shown_and_the_interview_goes_on(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "sitecustomize"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sys\n"
        "if sys.argv[0] == '-m':\n"
        "    import advisor.leaning\n"
        "    def decide(*_, **__): raise RuntimeError('engine down')\n"
        "    advisor.leaning.Adviser.decide = decide\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(broken))
    reports: list[BaseException] = []

    def report(error: BaseException) -> Path:
        reports.append(error)
        return tmp_path / "bug.txt"

    app = AdvisorApp(project, TODAY, report_bug=report)
    async with app.run_test(size=SMALL) as pilot:
        while app.session is None or app.session.problem is None:
            await pilot.pause(0.05)
        assert "This is our bug" in app.session.problem
        await app.go_to_question("task.kind")
        await pilot.press("enter")
        while app.session.deciding:
            await pilot.pause(0.05)
    assert "engine down" in str(reports[0])
    assert len(reports) == 1, "one report for one bug"
    assert Project.open(project).answers().value("task.kind") == "classification"


async def test_light_and_dark(project: Path) -> None:
    async with terminal(project) as shown:
        assert shown.app.theme == DARK.name
        await shown.press("escape", "t")
        assert shown.app.theme == LIGHT.name
        await shown.press("t")
        assert shown.app.theme == DARK.name


async def test_a_light_terminal_starts_light(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORFGBG", "0;15")
    async with terminal(project) as shown:
        assert shown.app.theme == LIGHT.name


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_the_themes_can_be_read(theme: object) -> None:
    """Text on its backgrounds has a contrast of 4.5 to 1 or more (WCAG 2.2, AA)."""
    for background in ("background", "surface", "panel"):
        for colour in ("foreground", "primary", "secondary", "success", "warning", "error"):
            first, second = (_luminance(Color.parse(getattr(theme, name))) for name in (background, colour))
            contrast = (max(first, second) + 0.05) / (min(first, second) + 0.05)
            assert contrast >= 4.5, (background, colour)


def _luminance(colour: Color) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [part / 255 for part in colour.rgb]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_without_colours_nothing_is_coloured_and_nothing_is_lost(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with terminal(project) as shown:
        await shown.asked("task.kind")
        await shown.press("down")
        assert "▸ ○ Fields taken from a text" in shown.text()
        drawn = shown.app.screen._compositor.render_strips(shown.app.size)
        shades = {segment.style.color for strip in drawn for segment in _filtered(strip, shown.app) if segment.style}
        triplets = [shade.triplet for shade in shades if shade is not None and shade.triplet is not None]
        assert triplets
        assert all(t.red == t.green == t.blue for t in triplets), "only shades of grey"


def _filtered(strip: Strip, app: AdvisorApp) -> Strip:
    """A line as the terminal gets it: after the app's colour filters."""
    for line_filter in app._filters:
        strip = strip.apply_filter(line_filter, Color.parse("black"))
    return strip


@pytest.mark.slow
async def test_no_emoji_and_no_braille(tmp_path: Path) -> None:
    example(tmp_path / "p")
    async with terminal(tmp_path / "p", LARGE) as shown:
        await shown.decided()
        await shown.press("escape")
        for key in "123456":
            await shown.press(key)
            odd = [c for c in shown.text() if "\u2800" <= c <= "\u28ff" or ord(c) >= 0x1F000]
            assert not odd


@pytest.mark.slow
async def test_resizing_keeps_the_question_and_what_is_typed(project: Path) -> None:
    async with terminal(project, LARGE) as shown:
        await shown.asked("traffic.requests_per_month")
        await shown.type("12")
        for size in (SMALL, (60, 18), LARGE):
            await shown.pilot.resize_terminal(*size)
            await shown.pilot.pause()
            assert "read as 12 requests" in shown.says()
            assert max(len(line) for line in shown.text().splitlines()) <= size[0]
        await shown.press("enter")
        assert Project.open(project).answers().value("traffic.requests_per_month") == 12


async def test_leaving_ends_the_process_that_decides(project: Path) -> None:
    async with terminal(project) as shown:
        session = shown.app.session
        assert session is not None
        process = session.decider._process
        assert process is not None
        await shown.press("escape", "q")
    assert process.poll() is not None


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_q_and_ctrl_q_leave(project: Path, key: str) -> None:
    async with terminal(project) as shown:
        await shown.press("escape", key)
        assert not shown.app.is_running or shown.app._exit
    assert os.path.exists(project / "advisor.toml")
