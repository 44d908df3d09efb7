"""Every finding that the program can report is explained in docs/data.md, and every one explained exists."""

import ast
import re
from pathlib import Path

import trainers.data

DOCS = Path(__file__).parents[2] / "docs" / "data.md"


def reported() -> set[str]:
    """The first arguments of every Finding(...), tell(...) and tallies.finding(...), and conditional ones in them."""
    codes: set[str] = set()
    for path in Path(next(iter(trainers.data.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("Finding", "tell", "finding", "_finding"):
                found = [n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant)]
                codes |= {value for value in found if isinstance(value, str)}
    return codes


def test_docs_and_program_name_the_same_findings() -> None:
    section = DOCS.read_text(encoding="utf-8").partition("## Findings")[2].partition("\n## Prepare")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    explained = {code for row in rows for code in re.findall(r"`([a-z0-9_]+)`", row)}
    assert explained == reported()
