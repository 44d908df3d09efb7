"""Heavy libraries are imported where they are used: no module brings them along, each looked at in a fresh process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("advisor", "rules", "pricing", "trainers")
HEAVY = (
    "torch",
    "transformers",
    "peft",
    "datasets",
    "accelerate",
    "bitsandbytes",
    "plotly",
    "kaleido",
    "pandas",
    "pulp",
    "highspy",
    "scipy.stats",
    "openai",
    "genai_prices",
)

LOOK = """
import importlib, json, sys
names, heavy = json.loads(sys.argv[1])
found, seen = {}, set()
for name in names:
    importlib.import_module(name)
    brought = [module for module in heavy if module in sys.modules and module not in seen]
    seen.update(brought)
    if brought:
        found[name] = brought
print(json.dumps(found))
"""


def brought_along(names: list[str], heavy: tuple[str, ...]) -> dict[str, list[str]]:
    """Module -> heavy libraries that came with it."""
    command = [sys.executable, "-W", "ignore", "-c", LOOK, json.dumps([names, heavy])]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def all_modules() -> list[str]:
    """What lies in the packages, by file name."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


ALL = all_modules()
FACES = [name for name in ALL if name.startswith("advisor.tui")]
CORE = [name for name in ALL if name not in FACES]


def test_there_is_something_to_look_at() -> None:
    assert len(CORE) > 80
    assert len(FACES) > 5


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_brings_a_heavy_library_or_textual(package: str) -> None:
    names = [name for name in CORE if name.split(".")[0] == package]
    assert brought_along(names, (*HEAVY, "textual")) == {}


def test_the_full_screen_interface_brings_textual_and_nothing_heavier() -> None:
    found = brought_along(FACES, (*HEAVY, "textual"))
    assert {library for libraries in found.values() for library in libraries} == {"textual"}


def test_the_looking_glass_sees_a_heavy_import() -> None:
    assert brought_along(["json", "textual.app"], ("textual", "torch")) == {"textual.app": ["textual"]}


RUN = """
import json, sys
from advisor.cli.main import run
code = run(json.loads(sys.argv[1]))
print(json.dumps([code, sorted(m for m in json.loads(sys.argv[2]) if m in sys.modules)]))
"""


def loaded_by(arguments: list[str], libraries: tuple[str, ...]) -> tuple[int, list[str]]:
    """(exit code, which of the libraries are loaded) after running a command in a fresh process."""
    command = [sys.executable, "-W", "ignore", "-c", RUN, json.dumps(arguments), json.dumps(libraries)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    code, found = json.loads(ended.stdout.splitlines()[-1])
    return code, found


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_next_to_nothing(arguments: list[str]) -> None:
    assert loaded_by(arguments, (*HEAVY, "textual", "numpy", "scipy", "pydantic", "yaml")) == (0, [])


def test_a_decision_needs_no_training_stack() -> None:
    code, found = loaded_by(
        ["decide", str(ROOT / "examples" / "support-desk.yaml"), "--json", "--today", "2026-11-24"],
        tuple(name for name in (*HEAVY, "textual") if name not in ("pulp", "highspy")),
    )
    assert code in (0, 1, 2)
    assert found == []


def test_rules_and_prices_do_not_know_each_other() -> None:
    names = [name for name in CORE if name.split(".")[0] == "rules"]
    assert brought_along(names, ("pricing", "trainers", "advisor.decision", "advisor.cli")) == {}
    names = [name for name in CORE if name.split(".")[0] == "pricing"]
    assert brought_along(names, ("rules", "trainers", "advisor.decision", "advisor.cli")) == {}
