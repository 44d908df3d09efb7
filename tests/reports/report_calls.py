"""Calling `advisor report` in this process and reading what it wrote."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.cli.main import run

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("support-desk", "bulk-classification", "clinic")
TODAY = "2026-11-24"


@dataclass(frozen=True)
class Made:
    """A written report."""

    folder: Path

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    @property
    def html(self) -> str:
        return self.read("report.html")

    @property
    def markdown(self) -> str:
        return self.read("report.md")

    @property
    def data(self) -> Any:
        return json.loads(self.read("report.json"))

    def blocks(self, kind: str) -> list[Any]:
        """All blocks of a kind in report.json, in order."""
        return [b for section in self.data["sections"] for b in section["blocks"] if b["block"] == kind]

    def table(self, name: str) -> Any:
        return next(table for table in self.blocks("table") if table["name"] == name)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str


def invoke(*words: str) -> Ran:
    """The command line in this process, its errors turned into messages as for a user."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(list(words))
    return Ran(code, out.getvalue(), err.getvalue())
