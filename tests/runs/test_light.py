"""Planning, watching and steering import nothing heavy: torch and its kin live in child processes only."""

import json
import pkgutil
import subprocess
import sys

import pytest

import trainers.methods
import trainers.runs
import trainers.runs.emit

HEAVY = ("torch", "transformers", "peft", "datasets", "bitsandbytes", "accelerate", "pandas", "plotly", "openai")
MODULES = [
    *(f"trainers.runs.{found.name}" for found in pkgutil.iter_modules(trainers.runs.__path__)),
    *(f"trainers.runs.emit.{found.name}" for found in pkgutil.iter_modules(trainers.runs.emit.__path__)),
    *(f"trainers.methods.{found.name}" for found in pkgutil.iter_modules(trainers.methods.__path__)),
    *(f"trainers.models.{name}" for name in ("local", "trained", "encoder", "parity", "export", "deploy", "tiny")),
    *(f"advisor.cli.{name}" for name in ("train", "runs", "export")),
]


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """module -> heavy packages that its import brought in; every module in one process, in turn."""
    script = f"""
import importlib, json, sys
found = {{}}
for name in {MODULES!r}:
    importlib.import_module(name)
    found[name] = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("module", MODULES)
def test_nothing_heavy_is_imported(loaded: dict[str, list[str]], module: str) -> None:
    assert loaded[module] == []
