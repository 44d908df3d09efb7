"""Two workers of Ray Train compute what one process does (extra `ray`)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trainers.runs import checkpoints, client
from trainers.runs.client import RunState
from trainers.runs.events import Event, last_of

Plan = Callable[..., Path]
SETTINGS = {"method": "lora", "max_steps": 12, "dtype": "fp32", "checkpoints": 2, "evaluations": 1, "batch_size": 5}


def run(folder: Path) -> list[Event]:
    client.start(folder)
    events = list(client.follow(folder, poll_s=0.05))
    found = client.view(folder)
    assert found.state == RunState.FINISHED, (found.result, (folder / "console.log").read_text()[-2000:])
    return events


@pytest.mark.slow
def test_two_workers_give_the_losses_of_one_process(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="extra `ray`")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = run(planned(name="alone", **SETTINGS))
    folder = planned(name="together", launcher="ray", processes=2, **SETTINGS)
    both = run(folder)
    begun = last_of(both, "started")
    assert begun is not None
    assert begun.fields["world"] == 2
    losses, expected = ([e.fields["loss"] for e in events if e.kind == "step"] for events in (both, alone))
    assert len(losses) == 12
    assert losses == pytest.approx(expected, rel=1e-3)
    assert checkpoints.problem_with(folder / "adapter") is None
