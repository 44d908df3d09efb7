"""A checkpoint is whole or it is passed over."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trainers.runs import checkpoints
from trainers.runs.checkpoints import MARKER, STATE


def write(text: str) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        (folder / "weights.bin").write_text(text * 100)
        (folder / "optimizer.pt").write_text(text)

    return fill


def save(folder: Path, step: int, *, protect: int | None = None) -> Path:
    return checkpoints.save(folder, step, {"progress": {"step": step}}, write(f"w{step}"), protect=protect)


def test_the_newest_is_found_with_its_state(tmp_path: Path) -> None:
    save(tmp_path, 5)
    save(tmp_path, 10)
    found, broken = checkpoints.latest(tmp_path)
    assert found is not None
    assert (found.step, found.state["progress"], broken) == (10, {"step": 10}, [])


def test_two_are_kept_and_the_protected_one(tmp_path: Path) -> None:
    for step in (2, 4, 6, 8):
        save(tmp_path, step, protect=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002", "step-000006", "step-000008"]
    assert checkpoints.at_step(tmp_path, 2) is not None
    assert checkpoints.at_step(tmp_path, 4) is None


def truncate(folder: Path) -> None:
    os.truncate(folder / "weights.bin", 10)


def swap_bytes(folder: Path) -> None:
    path = folder / "weights.bin"
    path.write_bytes(b"x" * path.stat().st_size)


def lose_file(folder: Path) -> None:
    (folder / "optimizer.pt").unlink()


def lose_state(folder: Path) -> None:
    (folder / STATE).unlink()


def lose_marker(folder: Path) -> None:
    (folder / MARKER).unlink()


def garble_marker(folder: Path) -> None:
    (folder / MARKER).write_text('{"v": 1, "files": {"weig')


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (truncate, "10 bytes"),
        (swap_bytes, "has changed"),
        (lose_file, "optimizer.pt is missing"),
        (lose_state, "state.json is missing"),
        (lose_marker, "never completed"),
        (garble_marker, "unreadable"),
    ],
)
def test_a_harmed_one_is_passed_over(tmp_path: Path, harm: Callable[[Path], None], reason: str) -> None:
    save(tmp_path, 5)
    harm(save(tmp_path, 10))
    found, broken = checkpoints.latest(tmp_path)
    assert found is not None
    assert found.step == 5
    assert [reason in bad.reason for bad in broken] == [True]


def test_none_is_left_when_all_are_harmed(tmp_path: Path) -> None:
    truncate(save(tmp_path, 5))
    found, broken = checkpoints.latest(tmp_path)
    assert found is None
    assert len(broken) == 1


def test_a_death_while_writing_leaves_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, 5)

    def dies(folder: Path) -> None:
        (folder / "weights.bin").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(tmp_path, 10, {}, dies, protect=None)
    found, broken = checkpoints.latest(tmp_path)
    assert found is not None
    assert (found.step, broken) == (5, [])
    assert [path.name for path in tmp_path.iterdir()] == ["step-000005"]


def test_leftovers_of_a_killed_writer_are_swept(tmp_path: Path) -> None:
    (tmp_path / ".step-000003.abc").mkdir(parents=True)
    save(tmp_path, 5)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000005"]


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path / "nothing") == (None, [])
