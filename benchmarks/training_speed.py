"""Training speed beside the peers: our loop, `transformers.Trainer` at its best, TRL's `SFTTrainer` with its defaults.

    python -m benchmarks.training_speed [--rows 120] [--rounds 1] [--engine ours --engine trainer --engine trl]

Same model (the packaged 135M), same rows (answers only), same LoRA, batch, epochs and learning rate, each in a fresh
process, in turns. Real tokens: those of the rows, without padding. Held-out loss is measured by one and the same code.
The peak is that of large bf16 matrix products on this machine. Run it on an idle machine; TRL: extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import os
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


def ours(count: int) -> dict[str, Any]:
    """Our loop, as `advisor train --method lora` runs it."""
    from trainers.methods import lora
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
        measured = lora.train(Job(spec, folder, lambda kind, **fields: None, lambda: False)).measured
        model, tokenizer = load_trained(folder / "adapter")
        loss = held_out_loss(model, model.get_base_model(), tokenizer, examples_of(held, tokenizer))
        return {"seconds": measured.seconds, "tokens": measured.tokens, "held_out_loss": loss}


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
        made = Trainer(module, arguments, train_dataset=data, data_collator=collate, processing_class=tokenizer)
        began = time.monotonic()
        made.train()
        seconds = time.monotonic() - began
    loss = held_out_loss(module, model, tokenizer, examples_of(held, tokenizer))
    return {"seconds": seconds, "tokens": sum(len(e.tokens) for e in kept), "held_out_loss": loss}


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
        began = time.monotonic()
        made.train()
        seconds = time.monotonic() - began
        module = made.model
    loss = held_out_loss(module, module.get_base_model(), tokenizer, examples_of(held, tokenizer))
    tokens = sum(len(e.tokens) for e in examples_of(train, tokenizer))
    return {"seconds": seconds, "tokens": tokens, "held_out_loss": loss}


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
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "GOMP_SPINCOUNT": "1000"}
    command = [sys.executable, "-m", "benchmarks.training_speed", "--child", name, "--rows", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Run the engines in turns and print a table; one JSON line at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engine", action="append", choices=ENGINES)
    parser.add_argument("--child", choices=[*ENGINES, "peak"])
    given = parser.parse_args()
    out = sys.stdout.write
    if given.child:
        engines = {"ours": ours, "trainer": trainer, "trl": trl}
        answer = {"gflops": peak_gflops()} if given.child == "peak" else engines[given.child](given.rows)
        out(json.dumps(answer) + "\n")
        return
    chosen = given.engine or list(ENGINES)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    for _ in range(given.rounds):
        for name in chosen:
            found[name].append(in_process(name, given.rows))
    best = {name: min(tries, key=lambda t: t["seconds"]) for name, tries in found.items()}
    gflops = in_process("peak", given.rows)["gflops"]
    ours_speed = best["ours"]["tokens"] / best["ours"]["seconds"] if "ours" in best else None
    out(f"{'engine':10}{'tokens/s':>10}{'ours is':>10}{'held-out loss':>15}{'of peak':>9}\n")
    for name, one in best.items():
        speed = one["tokens"] / one["seconds"]
        ratio = f"{ours_speed / speed:.2f} x" if ours_speed else ""
        # Arithmetic of a plain LoRA step: 2N forward, 2N backward, N with the output head.
        share = speed * 4 * 134.5e6 / (gflops * 1e9)
        out(f"{name:10}{speed:10.0f}{ratio:>10}{one['held_out_loss']:15.4f}{share:9.0%}\n")
    out(f"peak of matrix products: {gflops:.0f} GFLOP/s (bf16)\n")
    out(json.dumps({"v": 1, "rows": given.rows, "peak_gflops": gflops, "engines": best}) + "\n")


if __name__ == "__main__":
    main()
