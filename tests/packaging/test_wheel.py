"""The wheel: four packages with their data files, nothing else, and light to install."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"advisor", "rules", "pricing", "trainers"}
DATA = {".py", ".yaml", ".json", ".tcss", ".html", ".css", ".typed", ".npy"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is in the wheel that pip builds from a copy of the tracked files."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0"):
        if name and (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return wheel.namelist()


@pytest.mark.slow
def test_the_wheel_holds_the_four_packages_and_nothing_else(names: list[str]) -> None:
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES
    strays = [n for n in names if ".dist-info/" not in n and Path(n).suffix not in DATA and not n.endswith("py.typed")]
    assert strays == []


@pytest.mark.slow
def test_the_wheel_holds_every_data_file(names: list[str]) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = listed.stdout.split("\n")
    wanted = {n for n in tracked if n.split("/")[0] in PACKAGES and n.endswith((".yaml", ".tcss", ".html", ".css"))}
    assert wanted
    assert wanted <= set(names)


def test_the_base_install_is_light() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {line.split(">")[0].split("<")[0].split("[")[0].strip().lower() for line in project["dependencies"]}
    assert not names & {"torch", "transformers", "peft", "datasets", "bitsandbytes", "accelerate"}
    assert {"textual", "pulp", "plotly", "pandas"} <= names


def test_the_constraints_keep_torch_on_the_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert "torch==2.13.0" in lines
    assert not [line for line in lines if "://" in line]
