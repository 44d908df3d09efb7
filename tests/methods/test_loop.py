"""The loop with a model of two numbers: what it warns of, what it refuses, which weights it keeps."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from advisor.base.errors import CouldNotError
from trainers.methods.shared.job import Job, Outcome
from trainers.methods.shared.loop import fit
from trainers.methods.shared.settings import BaseSettings
from trainers.runs.spec import DataFile, RunSpec

ROWS = 64


class Line:
    """y = a x + b by least squares; `spoil` may change the loss of a training step."""

    gathered = None

    def __init__(self, spoil: Callable[[Any, int], Any] | None = None, held_out_slope: float = 2.0) -> None:
        import torch

        self.module = torch.nn.Linear(1, 1)
        self.steps = 0
        self._spoil = spoil
        x = torch.linspace(-1, 1, ROWS)[:, None]
        self._x, self._y = x, 2.0 * x + 1.0
        self._held = (x, held_out_slope * x + 1.0)

    def lengths(self) -> list[int]:
        return [1] * ROWS

    def batch(self, rows: Sequence[int]) -> Any:
        return self._x[list(rows)], self._y[list(rows)]

    def held_out_batches(self, rows: int) -> list[Any]:
        return [self._held]

    def tokens(self, batch: Any) -> int:
        return len(batch[0])

    def targets(self, batch: Any) -> int:
        return len(batch[0])

    def loss_sum(self, batch: Any) -> Any:
        loss = ((self.module(batch[0]) - batch[1]) ** 2).sum()
        if self.module.training:
            self.steps += 1
            loss = self._spoil(loss, self.steps) if self._spoil else loss
        return loss

    def save_weights(self, folder: Path) -> None:
        import torch

        torch.save(self.module.state_dict(), folder / "weights.pt")

    def load_weights(self, folder: Path) -> None:
        import torch

        self.module.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))


def train(folder: Path, trainee: Line, **settings: Any) -> tuple[Outcome, list[tuple[str, dict[str, Any]]]]:
    import torch

    torch.manual_seed(0)
    heard: list[tuple[str, dict[str, Any]]] = []
    data = DataFile(path="x", sha256="0", rows=ROWS)
    spec = RunSpec(id="r", method="full", model="m", data=data, settings={}, created="2026-11-24")
    job = Job(spec, folder, lambda kind, **fields: heard.append((kind, fields)), lambda: False)
    chosen = BaseSettings(**{"epochs": 10.0, "held_out_rows": 8, **settings})
    outcome = fit(trainee, chosen, job, peak_learning_rate=0.05, finish=trainee.save_weights, artefact="model")
    return outcome, heard


def warnings(heard: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [fields["code"] for kind, fields in heard if kind == "warning"]


def test_it_learns(tmp_path: Path) -> None:
    outcome, heard = train(tmp_path, Line())
    assert outcome.finished
    assert outcome.measured.steps == 160
    assert outcome.measured.held_out_loss is not None
    assert outcome.measured.held_out_loss < 0.05 * (outcome.measured.held_out_loss_before or 0)
    assert warnings(heard) == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoints(tmp_path: Path, bad: float) -> None:
    with pytest.raises(CouldNotError, match="at step 50") as caught:
        train(tmp_path, Line(lambda loss, step: loss * bad if step == 50 else loss), checkpoints=10)
    assert "--learning-rate" in (caught.value.fix or "")
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir())[-1] == "step-000048"


def test_a_climbing_loss_is_called_divergence(tmp_path: Path) -> None:
    _, heard = train(tmp_path, Line(lambda loss, step: loss * (1 if step < 60 else 1 + (step - 60) ** 4)))
    assert "diverging" in warnings(heard)


def test_early_stopping_gives_the_best_weights_back(tmp_path: Path) -> None:
    """Held-out rows lie on another line: what is learnt helps at first and harms later."""
    import torch

    line = Line(held_out_slope=0.8)
    outcome, heard = train(tmp_path, line, evaluations=20, early_stopping_patience=3)
    judged = {f["step"]: f["held_out_loss"] for kind, f in heard if kind == "evaluated" and f["step"] > 0}
    assert "overfitting" in warnings(heard)
    assert "early_stop" in warnings(heard)
    assert (outcome.measured.steps or 0) < 160
    best = min(judged.values())
    assert outcome.measured.held_out_loss == pytest.approx(best, rel=1e-4)
    saved = torch.load(tmp_path / "model" / "weights.pt", weights_only=True)
    line.module.load_state_dict(saved)
    line.module.eval()
    batch = line.held_out_batches(8)[0]
    assert float(line.loss_sum(batch).detach()) / line.targets(batch) == pytest.approx(best, rel=1e-4)


def test_micro_batches_change_nothing(tmp_path: Path) -> None:
    import torch

    found = []
    for name, micro in (("a", None), ("b", 1), ("c", 3)):
        line = Line()
        (tmp_path / name).mkdir()
        train(tmp_path / name, line, micro_batch_size=micro, epochs=1.0)
        found.append(torch.cat([p.detach().flatten() for p in line.module.parameters()]))
    assert torch.allclose(found[0], found[1], atol=1e-6)
    assert torch.allclose(found[0], found[2], atol=1e-6)
