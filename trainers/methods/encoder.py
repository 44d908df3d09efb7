"""A fine-tuned text encoder: labels a text, answers several questions about it at once, or tags its words.

Orders of magnitude smaller and faster than a language model, it cannot invent an answer outside its labels. Every
weight of the encoder is trained, with a fresh linear head for each question (Devlin et al., arXiv 1810.04805).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from advisor.base.errors import UsageError
from trainers.methods.shared.job import Job, Outcome
from trainers.methods.shared.preflight import Preflight, refusal
from trainers.methods.shared.settings import BaseSettings
from trainers.runs.spec import RunSpec

if TYPE_CHECKING:
    import torch

    from trainers.methods.shared.labels import Labelled, LabelSet

TITLE = "Fine-tuned encoder"
ARTEFACT = "model"
ESTIMATE = "encoder"
"""The estimator's name for the method."""
_FEW = 8
"""Fewer examples of a label than this are named in a warning."""


class Settings(BaseSettings):
    """Hyperparameters of encoders."""

    epochs: float = Field(8.0, gt=0, le=100)
    """8 with early stopping: small sets need more passes than the 4 that Turc et al. (arXiv 1908.08962) use on GLUE."""
    batch_size: int = Field(16, ge=1, le=4096)
    """16: Devlin et al., appendix A.3."""
    learning_rate: float | None = Field(2e-4, gt=0, le=1)
    """2e-4: compact encoders take 1e-4 to 3e-4 (Turc et al., section 4); use 2e-5 to 5e-5 from 100 M parameters on."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """0.01: Devlin et al., appendix A.2."""
    warmup_share: float = Field(0.1, ge=0, le=1)
    """0.1: Devlin et al., appendix A.2."""
    evaluations: int = Field(8, ge=0, le=1000)
    held_out_rows: int = Field(200, ge=0)


def look(spec: RunSpec, project: Path) -> Preflight:
    """The dry look at every row that the plan rests on."""
    from trainers.models.local import load_tokenizer, model_dimensions

    settings = Settings.model_validate(spec.settings)
    longest: int | None = model_dimensions(spec.model).get("max_position_embeddings")
    return _prepare(spec, project, load_tokenizer(spec.model), settings, longest, only_look=True).look


def train(job: Job) -> Outcome:
    """Train encoder and heads as the spec says; the artefact is `model/` in the run folder."""
    import torch

    from trainers.methods.shared.adapter import write_card
    from trainers.methods.shared.loop import fit
    from trainers.methods.shared.prepare import refuse
    from trainers.models.encoder import build, load_encoder_base, save
    from trainers.models.local import choose_dtype, load_tokenizer

    settings = Settings.model_validate(job.spec.settings)
    tokenizer = load_tokenizer(job.spec.model)
    encoder = load_encoder_base(job.spec.model)
    data = _prepare(job.spec, job.project, tokenizer, settings, encoder.config.max_position_embeddings)
    job.report("preflight", **data.look.model_dump())
    refuse(data.look)

    torch.manual_seed(settings.seed)
    module = build(encoder, data.labels)
    if settings.shard:
        raise UsageError("encoders are small: they are not sharded", fix="drop the setting shard")
    if torch.cuda.is_available():
        module.to("cuda")
    trainee = EncoderTrainee(module, data, tokenizer, mixed=choose_dtype(settings.dtype) == "bf16")

    def finish(folder: Path) -> None:
        save(folder, module, tokenizer, data.labels, data.max_tokens)
        write_card(folder, job.spec)

    rate = settings.learning_rate or 2e-4
    return fit(trainee, settings, job, peak_learning_rate=rate, finish=finish, artefact=ARTEFACT)


@dataclass(frozen=True, slots=True)
class Item:
    """A row as tokens; `targets` by question: one label, or one a token (ignored where there is none)."""

    line: int
    tokens: tuple[int, ...]
    targets: dict[str, int | tuple[int, ...]]

    @property
    def target_count(self) -> int:
        counts = (1 if isinstance(t, int) else sum(place >= 0 for place in t) for t in self.targets.values())
        return sum(counts)


@dataclass(frozen=True, slots=True)
class _Prepared:
    train: list[Item]
    held_out: list[Item]
    labels: LabelSet
    max_tokens: int
    look: Preflight


def _prepare(
    spec: RunSpec, project: Path, tokenizer: Any, settings: Settings, longest: int | None, *, only_look: bool = False
) -> _Prepared:
    from trainers.methods.shared.labels import label_set, read_labelled
    from trainers.methods.shared.prepare import files_of, hold_out

    source, held_source = files_of(spec, project, only_look=only_look)
    rows = read_labelled(source)
    labels = label_set(rows)
    most = min(settings.max_tokens or longest or 512, longest or 512)
    items = [_item(row, labels, tokenizer, most) for row in rows]
    if held_source is None:
        train_items, held = hold_out(items, settings)
    else:
        train_items, held = items, [_item(row, labels, tokenizer, most) for row in read_labelled(held_source)]
    seen = _look(rows, train_items, labels, tokenizer, settings, most)
    return _Prepared(train_items, [item for item in held if item.target_count], labels, most, seen)


def _item(row: Labelled, labels: LabelSet, tokenizer: Any, most: int) -> Item:
    from trainers.methods.shared.labels import TAGS
    from trainers.models.encoder import IGNORED, first_tokens

    if row.words is None:
        tokens = tokenizer(row.text, truncation=True, max_length=most)["input_ids"]
        places = {name: labels.index(name, answer) for name, answer in row.answers.items()}
        return Item(row.line, tuple(tokens), {name: IGNORED if p is None else p for name, p in places.items()})
    encoded = tokenizer([list(row.words)], is_split_into_words=True, truncation=True, max_length=most)
    targets = [IGNORED] * len(encoded["input_ids"][0])
    for position, word in first_tokens(encoded.word_ids(0)):
        place = labels.index(TAGS, row.answers[TAGS][word])
        targets[position] = IGNORED if place is None else place
    return Item(row.line, tuple(encoded["input_ids"][0]), {TAGS: tuple(targets)})


def _look(
    rows: Sequence[Labelled], items: Sequence[Item], labels: LabelSet, tokenizer: Any, settings: Settings, most: int
) -> Preflight:
    from trainers.methods.shared.batches import total_steps
    from trainers.methods.shared.labels import count_labels

    lengths = sorted(len(item.tokens) for item in items)
    full = [item.line for item in items if len(item.tokens) >= most]
    steps = total_steps(len(items), settings.batch_size, settings.epochs, settings.max_steps)
    tokens, targets = sum(lengths), sum(item.target_count for item in items)
    counts = count_labels(rows)
    refusals = [
        refusal("one_label", f"{name!r} has only one answer ({next(iter(known))}): nothing to learn", ["remove it"])
        for name, known in counts.items()
        if len(known) < 2
    ]
    if steps < 1:
        refusals.append(refusal("no_steps", "the run would make no step", ["raise --epochs or lower --batch-size"]))
    warnings = []
    if full:
        warnings.append(f"{len(full)} texts fill or exceed {most} tokens: their ends may be cut")
    for name, known in counts.items():
        rare = [label for label, count in known.items() if count < _FEW]
        if rare and labels.kind == "classification":
            warnings.append(f"{name}: {len(rare)} of {len(known)} labels have fewer than {_FEW} examples")
    return Preflight(
        rows=len(items),
        tokens=tokens,
        trained_tokens=targets,
        trained_share=round(targets / max(tokens, 1), 4),
        median_tokens=lengths[len(lengths) // 2],
        p95_tokens=lengths[min(len(lengths) - 1, int(len(lengths) * 0.95))],
        longest_tokens=lengths[-1],
        shared_tokens=0,
        cut_rows=len(full),
        cut_lines=full[:10],
        untrained_rows=0,
        untrained_lines=[],
        endless_rows=0,
        steps=steps,
        refusals=refusals,
        warnings=warnings,
        labels={name: dict(known.most_common(50)) for name, known in counts.items()},
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    input_ids: torch.Tensor
    mask: torch.Tensor
    targets: dict[str, torch.Tensor]
    tokens: int
    target_count: int


class EncoderTrainee:
    """Encoder and heads for the loop; the loss is summed over rows (or words) and questions."""

    def __init__(self, module: torch.nn.Module, data: _Prepared, tokenizer: Any, *, mixed: bool) -> None:
        self._module = module
        self._data = data
        self._tokenizer = tokenizer
        self._mixed = mixed
        self.gathered: dict[str, Any] | None = None
        self._lengths = [len(item.tokens) for item in data.train]

    @property
    def module(self) -> torch.nn.Module:
        return self._module

    def lengths(self) -> list[int]:
        return self._lengths

    def batch(self, rows: Sequence[int]) -> _Batch:
        return self._lay_out([self._data.train[row] for row in rows])

    def held_out_batches(self, rows: int) -> list[_Batch]:
        chosen = sorted(self._data.held_out[:rows], key=lambda item: len(item.tokens))
        return [self._lay_out(chosen[i : i + 32]) for i in range(0, len(chosen), 32)]

    def tokens(self, batch: _Batch) -> int:
        return batch.tokens

    def targets(self, batch: _Batch) -> int:
        return batch.target_count

    def loss_sum(self, batch: _Batch) -> torch.Tensor:
        import torch

        device = next(self._module.parameters()).device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self._mixed):
            logits = self._module(batch.input_ids.to(device), batch.mask.to(device))
        losses = [
            torch.nn.functional.cross_entropy(
                values.float().flatten(0, -2), batch.targets[name].to(device).flatten(), reduction="sum"
            )
            for name, values in logits.items()
        ]
        return torch.stack(losses).sum()

    def save_weights(self, folder: Path) -> None:
        from trainers.models.encoder import save

        save(folder, self._module, self._tokenizer, self._data.labels, self._data.max_tokens)

    def load_weights(self, folder: Path) -> None:
        from trainers.models.encoder import load_weights

        load_weights(folder, self._module)

    def _lay_out(self, items: Sequence[Item]) -> _Batch:
        import torch

        longest = max(len(item.tokens) for item in items)
        ids = torch.full((len(items), longest), self._tokenizer.pad_token_id or 0, dtype=torch.long)
        mask = torch.zeros((len(items), longest), dtype=torch.long)
        for line, item in enumerate(items):
            ids[line, : len(item.tokens)] = torch.tensor(item.tokens)
            mask[line, : len(item.tokens)] = 1
        targets = {name: _targets([item.targets[name] for item in items], longest) for name in items[0].targets}
        tokens = sum(len(item.tokens) for item in items)
        return _Batch(ids, mask, targets, tokens, sum(item.target_count for item in items))


def _targets(values: Sequence[int | tuple[int, ...]], longest: int) -> torch.Tensor:
    import torch

    from trainers.models.encoder import IGNORED

    if isinstance(values[0], int):
        return torch.tensor(values)
    padded = torch.full((len(values), longest), IGNORED, dtype=torch.long)
    for line, places in enumerate(values):
        assert isinstance(places, tuple)
        padded[line, : len(places)] = torch.tensor(places)
    return padded
