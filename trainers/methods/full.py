"""Full fine-tuning: every weight learns. Needs the most memory; ahead of LoRA only with large corpora.

Weights, gradients and optimiser states are fp32 and the arithmetic is bf16 where the hardware has it (Micikevicius et
al., arXiv 1710.03740): with bf16 weights the small updates of a low learning rate would be rounded away.
"""

from __future__ import annotations

from pathlib import Path

from trainers.methods.shared.job import Job, Outcome
from trainers.methods.shared.preflight import Preflight
from trainers.methods.shared.settings import BaseSettings, default_learning_rate
from trainers.runs.spec import RunSpec

TITLE = "Full fine-tuning"
ARTEFACT = "model"
ESTIMATE = "full"
"""The estimator's name for the method."""


class Settings(BaseSettings):
    """Hyperparameters of full fine-tuning; the default learning rate is a tenth of an adapter's."""


def look(spec: RunSpec, project: Path) -> Preflight:
    """The dry look at every row that the plan rests on."""
    from trainers.methods.shared.prepare import look_causal

    return look_causal(spec, project, Settings.model_validate(spec.settings))


def train(job: Job) -> Outcome:
    """Train all weights as the spec says; the artefact is `model/` in the run folder."""
    import torch

    from trainers.methods.shared.causal import checkpoint_activations
    from trainers.methods.shared.full import FullTrainee, write_model
    from trainers.methods.shared.loop import fit
    from trainers.methods.shared.prepare import prepare, refuse
    from trainers.models.local import choose_dtype, load_model, load_tokenizer

    settings = Settings.model_validate(job.spec.settings)
    tokenizer = load_tokenizer(job.spec.model)
    model = load_model(job.spec.model, "fp32")
    config = model.config.get_text_config()
    data = prepare(job.spec, job.project, tokenizer, settings, getattr(config, "max_position_embeddings", None))
    job.report("preflight", **data.look.model_dump())
    refuse(data.look)

    torch.manual_seed(settings.seed)
    if torch.cuda.is_available():
        model.to("cuda")
    if settings.gradient_checkpointing:
        checkpoint_activations(model)
    mixed = choose_dtype(settings.dtype) == "bf16"
    trainee = FullTrainee(model, tokenizer, data.train, data.held_out, settings, mixed=mixed)
    if note := trainee.check_against_model():
        job.report("warning", code="plain_loss", text=note, step=None)
    rate = settings.learning_rate or default_learning_rate(config.hidden_size, adapter=False)

    def finish(folder: Path) -> None:
        write_model(folder, trainee, job.spec)

    return fit(trainee, settings, job, peak_learning_rate=rate, finish=finish, artefact=ARTEFACT)
