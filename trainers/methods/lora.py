"""LoRA: the base stays frozen, small low-rank matrices beside its linear layers learn (Hu et al., arXiv 2106.09685).

Trains 0.1 to 4 % of the parameters; the artefact is an adapter of a few megabytes for the base it was trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainers.methods.shared.job import Job, Outcome
from trainers.methods.shared.preflight import Preflight
from trainers.methods.shared.settings import AdapterSettings, default_learning_rate
from trainers.runs.spec import RunSpec

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

TITLE = "LoRA"
ARTEFACT = "adapter"
ESTIMATE = "lora"
"""The estimator's name for the method."""


class Settings(AdapterSettings):
    """Hyperparameters of LoRA."""


def look(spec: RunSpec, project: Path) -> Preflight:
    """The dry look at every row that the plan rests on."""
    from trainers.methods.shared.prepare import look_causal

    return look_causal(spec, project, Settings.model_validate(spec.settings))


def train(job: Job) -> Outcome:
    """Train an adapter as the spec says; the artefact is `adapter/` in the run folder."""
    import torch

    from trainers.methods.shared.adapter import AdapterTrainee, write_adapter
    from trainers.methods.shared.loop import fit
    from trainers.methods.shared.prepare import prepare, refuse
    from trainers.models.local import load_model, load_tokenizer

    settings = Settings.model_validate(job.spec.settings)
    tokenizer = load_tokenizer(job.spec.model)
    model = load_model(job.spec.model, settings.dtype)
    config = model.config.get_text_config()
    data = prepare(job.spec, job.project, tokenizer, settings, getattr(config, "max_position_embeddings", None))
    job.report("preflight", **data.look.model_dump())
    refuse(data.look)

    torch.manual_seed(settings.seed)
    if torch.cuda.is_available():
        model.to("cuda")
    module = add_adapter(model, settings)
    trainee = AdapterTrainee(module, model, tokenizer, data.train, data.held_out, settings)
    if note := trainee.check_against_model():
        job.report("warning", code="plain_loss", text=note, step=None)
    rate = settings.learning_rate or default_learning_rate(config.hidden_size, adapter=True)

    def finish(folder: Path) -> None:
        write_adapter(folder, trainee, job.spec, None)

    return fit(trainee, settings, job, peak_learning_rate=rate, finish=finish, artefact=ARTEFACT)


def add_adapter(model: PreTrainedModel, settings: AdapterSettings) -> PeftModel:
    """Wrap `model` with fresh adapters in the dtype of the model.

    peft would keep adapters in fp32 beside bf16 weights; on CPUs the casts back and forth cost a fifth of the speed,
    and held-out loss was the same (0.063 to 0.066) either way.
    """
    from peft import LoraConfig, get_peft_model

    from trainers.methods.shared.causal import checkpoint_activations
    from trainers.models.local import quiet_peft

    targets: Any = settings.targets if settings.targets == "all-linear" else settings.targets.split(",")
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        task_type="CAUSAL_LM",
    )
    if settings.gradient_checkpointing:
        checkpoint_activations(model)
    with quiet_peft():
        return get_peft_model(model, config, autocast_adapter_dtype=False)
