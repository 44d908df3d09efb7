"""Training speed beside the peers: our loop, `transformers.Trainer` at its best, TRL's `SFTTrainer` with its defaults.

    python -m benchmarks.training_speed [--rows 120] [--rounds 1] [--engine ours|trainer|trl]... [--keep FILE]

Same model (the packaged 135M), same rows (answers only), same LoRA, batch, epochs and learning rate, each in a fresh
process with the same environment, in turns. Real tokens: those of the rows, without padding. Seconds: from the first
step to the end of the last, without loading. Held-out loss is measured by one and the same code. The peak is that of
large bf16 matrix products on this machine; its share counts the arithmetic that an engine really does, padding included
and shared beginnings once; what activation checkpointing (a default of TRL) computes again is not counted. `--keep`
adds to a file of earlier rounds, so that engines can be run one at a time, and prints the table over all of it. Run it
on an idle machine; TRL: extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODEL = "smollm2-135m"
ENGINES = ("ours", "trainer", "trl")
BATCH, RATE, HELD_OUT = 4, 1e-3, 40
LIMITS = {"trl": 1.6, "trainer": 1.1}
"""How many times as fast as these we want to be."""
LOSS_LIMIT = 1.05
"""Our held-out loss is at most so many times that of a peer: speed at the price of quality does not count."""


def rows(count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Training and held-out rows of the sample."""
    lines = (ROOT / "examples/debian/rows.jsonl").read_text(encoding="utf-8").splitlines()
    found = [{"messages": json.loads(line)["messages"]} for line in lines[: count + HELD_OUT]]
    return found[:count], found[count:]


def examples_of(found: list[dict[str, Any]], tokenizer: Any) -> list[Any]:
    from trainers.methods.shared.examples import Row, encode

    return encode(tokenizer, [Row(line, tuple(row["messages"])) for line, row in enumerate(found, start=1)])


def held_out_loss(module: Any, model: Any, tokenizer: Any, held: list[Any]) -> float:
    """Mean loss of the answers, by our padded layout."""
    import torch

    from trainers.methods.lora import Settings
    from trainers.methods.shared.causal import CausalTrainee

    trainee = CausalTrainee(module, model, tokenizer, held, held, Settings(layout="padded"))
    module.eval()
    with torch.no_grad():
        batches = trainee.held_out_batches(len(held))
        return sum(float(trainee.loss_sum(b)) for b in batches) / sum(trainee.targets(b) for b in batches)


def step_flops(model: Any, computed_tokens: int, head_tokens: int) -> float:
    """Arithmetic of LoRA steps: frozen matrices forward and for activations (4), adapters also for weights (6)."""
    low_rank = sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)
    head = model.get_output_embeddings().weight.numel()
    linear = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "lora_" not in name) - head
    return computed_tokens * (4.0 * linear + 6.0 * low_rank) + head_tokens * 4.0 * head


class Clock:
    """Seconds between the first step's beginning and the last one's end, and tokens that a collator laid out."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0
        self.computed_tokens = 0

    def callback(self) -> Any:
        from transformers import TrainerCallback

        clock = self

        class Watch(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, *given: Any, **more: Any) -> None:
                clock.began = time.monotonic()

            def on_step_end(self, *given: Any, **more: Any) -> None:
                clock.ended = time.monotonic()

        return Watch()

    def counting(self, collate: Any) -> Any:
        def counted(rows: list[Any]) -> Any:
            batch = collate(rows)
            self.computed_tokens += batch["input_ids"].numel()
            return batch

        return counted


def ours(count: int) -> dict[str, Any]:
    """Our loop, as `advisor train --method lora` runs it."""
    from trainers.methods import lora
    from trainers.methods.shared.batches import order
    from trainers.methods.shared.causal import CausalTrainee
    from trainers.methods.shared.job import Job
    from trainers.models.trained import load_trained
    from trainers.runs.plan import data_file
    from trainers.runs.spec import RunSpec

    train, held = rows(count)
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        data = project / "data" / "train.jsonl"
        data.parent.mkdir()
        data.write_text("".join(json.dumps(row) + "\n" for row in train), encoding="utf-8")
        chosen: dict[str, Any] = {"epochs": 1.0, "batch_size": BATCH, "learning_rate": RATE, "held_out_rows": 0}
        settings = lora.Settings(**chosen, evaluations=0, checkpoints=0).model_dump()
        spec = RunSpec(
            id="r", method="lora", model=MODEL, data=data_file(project, data), settings=settings, created="now"
        )
        folder = project / "runs" / "r"
        folder.mkdir(parents=True)
        times: dict[str, float] = {}

        def report(kind: str, **fields: Any) -> None:
            times["began" if kind == "started" else "ended" if kind == "step" else "other"] = time.monotonic()

        measured = lora.train(Job(spec, folder, report, lambda: False)).measured
        model, tokenizer = load_trained(folder / "adapter")
        base = model.get_base_model()
        trainee = CausalTrainee(model, base, tokenizer, examples_of(train, tokenizer), [], settings_of(spec))
        trainee.check_against_model()
        batches = [trainee.batch(step) for step in order(trainee.lengths(), BATCH, seed=0, epoch=0)]
        flops = step_flops(base, sum(b.computed_tokens for b in batches), sum(len(b.target) for b in batches))
        loss = held_out_loss(model, base, tokenizer, examples_of(held, tokenizer))
        seconds = times["ended"] - times["began"]
        return {"seconds": seconds, "tokens": measured.tokens, "held_out_loss": loss, "flops": flops}


def settings_of(spec: Any) -> Any:
    from trainers.methods import lora

    return lora.Settings.model_validate(spec.settings)


def trainer(count: int) -> dict[str, Any]:
    """`transformers.Trainer`: bf16 weights and adapters, eager attention, rows grouped by length, answers only."""
    import torch
    from transformers import Trainer, TrainingArguments

    from trainers.methods.lora import Settings, add_adapter
    from trainers.models.local import load_model, load_tokenizer

    train, held = rows(count)
    tokenizer, model = load_tokenizer(MODEL), load_model(MODEL)
    module = add_adapter(model, Settings())
    kept = examples_of(train, tokenizer)
    data = [{"input_ids": list(e.tokens), "trained": list(e.trained), "length": len(e.tokens)} for e in kept]

    def collate(chosen: list[dict[str, Any]]) -> dict[str, Any]:
        longest = max(len(row["input_ids"]) for row in chosen)
        ids = torch.full((len(chosen), longest), tokenizer.pad_token_id)
        labels = torch.full((len(chosen), longest), -100)
        mask = torch.zeros((len(chosen), longest), dtype=torch.long)
        for line, row in enumerate(chosen):
            tokens = torch.tensor(row["input_ids"])
            ids[line, : len(tokens)], mask[line, : len(tokens)] = tokens, 1
            labels[line, : len(tokens)] = torch.where(torch.tensor(row["trained"]), tokens, -100)
        return {"input_ids": ids, "labels": labels, "attention_mask": mask}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=RATE,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            use_cpu=not torch.cuda.is_available(),
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_steps=1000,
            remove_unused_columns=False,
            train_sampling_strategy="group_by_length",
        )
        clock = Clock()
        made = Trainer(
            module,
            arguments,
            train_dataset=data,
            data_collator=clock.counting(collate),
            processing_class=tokenizer,
            callbacks=[clock.callback()],
        )
        made.train()
    return outcome(clock, module, model, tokenizer, train, held)


def outcome(clock: Clock, module: Any, model: Any, tokenizer: Any, train: list[Any], held: list[Any]) -> dict[str, Any]:
    """What a peer's training gave; its head looks at every position."""
    return {
        "seconds": clock.ended - clock.began,
        "tokens": sum(len(e.tokens) for e in examples_of(train, tokenizer)),
        "held_out_loss": held_out_loss(module, model, tokenizer, examples_of(held, tokenizer)),
        "flops": step_flops(model, clock.computed_tokens, clock.computed_tokens),
    }


def trl(count: int) -> dict[str, Any]:
    """TRL's `SFTTrainer` with its defaults, answers only by prompt and completion columns."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from trainers.models.local import load_tokenizer, model_location

    train, held = rows(count)
    tokenizer = load_tokenizer(MODEL)
    pairs = [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in train]
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=RATE,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            use_cpu=not torch.cuda.is_available(),
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        made = SFTTrainer(
            model_location(MODEL),
            args=arguments,
            train_dataset=Dataset.from_list(pairs),
            processing_class=tokenizer,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        clock = Clock()
        made.data_collator = clock.counting(made.data_collator)
        made.add_callback(clock.callback())
        made.train()
        module = made.model
    return outcome(clock, module, module.get_base_model(), tokenizer, train, held)


def peak_gflops() -> float:
    """The best of large bf16 matrix products, in 10^9 floating-point operations a second."""
    import torch

    size, best = 2048, 0.0
    a, b = torch.randn(size, size, dtype=torch.bfloat16), torch.randn(size, size, dtype=torch.bfloat16)
    for _ in range(12):
        began = time.monotonic()
        a @ b
        best = max(best, 2 * size**3 / (time.monotonic() - began) / 1e9)
    return best


def in_process(name: str, count: int) -> dict[str, Any]:
    """An engine in a fresh process."""
    from trainers.runs.client import child_environment

    environment = {**child_environment(), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "benchmarks.training_speed", "--child", name, "--rows", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def table(found: dict[str, list[dict[str, Any]]], gflops: float) -> list[str]:
    """The best round of each engine, and whether ours is as fast as wanted."""
    best = {name: min(tries, key=lambda one: float(one["seconds"])) for name, tries in found.items()}
    speeds = {name: one["tokens"] / one["seconds"] for name, one in best.items()}
    lines = [f"{'engine':10}{'rounds':>7}{'tokens/s':>10}{'ours is':>10}{'held-out loss':>15}{'of peak':>9}"]
    for name, one in best.items():
        ratio = f"{speeds['ours'] / speeds[name]:.2f} x" if "ours" in speeds else ""
        share = one["flops"] / one["seconds"] / (gflops * 1e9)
        counted = f"{name:10}{len(found[name]):7}{speeds[name]:10.0f}"
        lines.append(f"{counted}{ratio:>10}{one['held_out_loss']:15.4f}{share:9.0%}")
    lines.append(f"peak of matrix products: {gflops:.0f} GFLOP/s (bf16)")
    for name, limit in LIMITS.items():
        if name in best and "ours" in best:
            ratio_now = speeds["ours"] / speeds[name]
            losses = best["ours"]["held_out_loss"] / best[name]["held_out_loss"]
            lines.append(
                f"{name}: {ratio_now:.2f} x, limit {limit} x: {'met' if ratio_now >= limit else 'NOT MET'}; "
                f"loss {losses:.2f} x, limit {LOSS_LIMIT} x: {'met' if losses <= LOSS_LIMIT else 'NOT MET'}"
            )
    return lines


def main() -> None:
    """Run the engines in turns and print a table; one JSON line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engine", action="append", choices=ENGINES)
    parser.add_argument("--keep", type=Path, help="a file that rounds are added to and read from")
    parser.add_argument("--child", choices=[*ENGINES, "peak"])
    given = parser.parse_args()
    out = sys.stdout.write
    if given.child:
        engines = {"ours": ours, "trainer": trainer, "trl": trl}
        answer = {"gflops": peak_gflops()} if given.child == "peak" else engines[given.child](given.rows)
        out(json.dumps(answer) + "\n")
        return
    rounds = kept_rounds(given.keep, given.rows)
    for _ in range(given.rounds):
        for name in given.engine or ENGINES:
            one = {"engine": name, "rows": given.rows, **in_process(name, given.rows)}
            one["gflops"] = in_process("peak", given.rows)["gflops"]
            rounds.append(one)
            if given.keep:
                with open(given.keep, "a", encoding="utf-8") as stream:
                    stream.write(json.dumps(one) + "\n")
    gflops = max(float(one["gflops"]) for one in rounds)
    found = {name: [one for one in rounds if one["engine"] == name] for name in ENGINES}
    found = {name: tries for name, tries in found.items() if tries}
    out("\n".join(table(found, gflops)) + "\n")
    out(json.dumps({"v": 1, "rows": given.rows, "peak_gflops": gflops, "engines": found}) + "\n")


def kept_rounds(path: Path | None, count: int) -> list[dict[str, Any]]:
    """Earlier rounds over as many rows."""
    if path is None or not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [one for one in lines if one["rows"] == count]


if __name__ == "__main__":
    main()
