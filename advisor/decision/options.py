"""Which options exist: approach x model x training x where it runs x labels, generated from what can be bought and run on the day.

Nothing is listed by hand. A deployment (a model at a place with prices in force) comes from `advisor.decision.market`; each approach
says which deployments it can use. Gates (rules) remove options afterwards, so that every removal has a rule and a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from advisor.decision.market import Deployment, TuningOffer

APPROACH_CLASS = {
    "keep_current": "keep_current",
    "swap_model": "prompting",
    "prompting": "prompting",
    "few_shot_retrieval": "prompting",
    "long_context": "prompting",
    "rag": "rag",
    "encoder": "fine_tuning",
    "lora": "fine_tuning",
    "qlora": "fine_tuning",
    "full": "fine_tuning",
    "api_tuning": "fine_tuning",
    "rag_plus_ft": "rag_plus_ft",
}
PROMPT_APPROACHES = ("swap_model", "prompting", "few_shot_retrieval", "long_context", "rag")
SELF_HOSTED = frozenset({"rented_gpu", "owned_gpu", "cpu"})
APPROACH_LABEL = {
    "keep_current": "Keep what runs today",
    "swap_model": "Same prompt on",
    "prompting": "Optimised prompt on",
    "few_shot_retrieval": "Retrieved examples in the prompt of",
    "long_context": "Documents in the window of",
    "rag": "RAG on",
    "encoder": "Fine-tuned encoder",
    "lora": "LoRA on",
    "qlora": "QLoRA on",
    "full": "Full fine-tune of",
    "api_tuning": "Vendor-tuned",
    "rag_plus_ft": "RAG + {training} on",
}
HOSTING_LABEL = {
    "api": "API",
    "serverless": "serverless",
    "rented_gpu": "rented {gpus}x {gpu}",
    "owned_gpu": "own {gpus}x {gpu}",
    "cpu": "CPU server",
    "current": "as today",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One way of doing the job. `labels` None means the labelled examples at hand."""

    approach: str
    training: str = "none"
    deployment: Deployment | None = None
    service: TuningOffer | None = None
    labels: int | None = None
    distilled: bool = False

    @property
    def id(self) -> str:
        """Stable and readable: approach/model/training@hosting+labels."""
        if self.deployment is None:
            return self.approach
        parts = [self.approach, self.deployment.model_id]
        if self.approach == "rag_plus_ft":
            parts.append(self.training)
        place = self.deployment.place
        labels = "+distilled" if self.distilled else (f"+{self.labels}" if self.labels else "")
        return "/".join(parts) + f"@{place}{labels}"

    @property
    def approach_class(self) -> str:
        return APPROACH_CLASS[self.approach]

    @property
    def label(self) -> str:
        """What people read."""
        if self.deployment is None:
            return APPROACH_LABEL[self.approach]
        d = self.deployment
        verb = APPROACH_LABEL[self.approach].format(training=self.training.replace("api_tuning", "vendor tuning"))
        place = HOSTING_LABEL[d.hosting].format(gpus=d.gpus, gpu=d.gpu)
        if d.hosting in ("api", "serverless"):
            place = f"{d.provider} {place}"
        labels = ", distilled labels" if self.distilled else (f", {self.labels:,} labels" if self.labels else "")
        return f"{verb} {d.model_name} ({place}{labels})"

    @property
    def hosting(self) -> str:
        return "current" if self.deployment is None else self.deployment.hosting

    @property
    def model_name(self) -> str | None:
        return None if self.deployment is None else self.deployment.model_id

    @property
    def retrieval(self) -> bool:
        return self.approach in ("rag", "rag_plus_ft")

    @property
    def quality_key(self) -> tuple[object, ...]:
        return (self.approach, self.training, self.model_name, self.labels, self.distilled)

    def attribute(self, name: str) -> object:
        """The value of `option.<name>` in rules and effects. Raises KeyError for an unknown name."""
        d = self.deployment
        match name:
            case "approach":
                return self.approach
            case "approach_class":
                return self.approach_class
            case "training":
                return self.training
            case "hosting":
                return self.hosting
            case "hosted":
                return self.hosting in ("api", "serverless")
            case "self_hosted":
                return self.hosting in SELF_HOSTED
            case "retrieval":
                return self.retrieval
            case "long_context":
                return self.approach == "long_context"
            case "distilled":
                return self.distilled
            case "labels_used":
                return self.labels
            case "gpus":
                return 0 if d is None else d.gpus
            case "gpu_memory_gib":
                return 0.0 if d is None else d.gpu_memory_gib
            case "tier":
                return "unknown" if d is None else d.tier
            case "open_weights":
                return False if d is None else d.open_weights
            case "params_b":
                return 1e4 if d is None or d.params_b is None else d.params_b
            case "model_year":
                return 2026 if d is None else d.model_year
            case "context_tokens":
                return 0 if d is None else d.context_tokens
            case "vendor":
                return "" if d is None else d.vendor
        raise KeyError(f"option.{name}")


def generate(
    deployments: Iterable[Deployment],
    services: Iterable[TuningOffer],
    *,
    label_plans: tuple[int, ...],
    labels_at_hand: float | None,
    teacher_allowed: bool,
    current_model: str | None,
) -> list[Option]:
    """Every option that exists on the day, before gates.

    `label_plans` are totals of examples that could be bought; only those above what is at hand make an option of their own.
    `current_model` is left out of swap_model: it is the status quo.
    """
    everything = list(deployments)
    found = [Option("keep_current")]
    for deployment in everything:
        found.extend(_prompted(deployment, current_model))
        found.extend(_tuned(deployment, label_plans, labels_at_hand, teacher_allowed))
    for service in services:
        for labels, distilled in _label_choices(label_plans, labels_at_hand, teacher_allowed):
            found.append(Option("api_tuning", "api_tuning", service.deployment, service, labels, distilled))
        found.append(
            Option(
                "rag_plus_ft", "api_tuning", service.deployment, service, None, teacher_allowed and not labels_at_hand
            )
        )
    return list({option.id: option for option in found}.values())


def _prompted(deployment: Deployment, current_model: str | None) -> Iterator[Option]:
    if deployment.tier == "encoder":
        return
    for approach in PROMPT_APPROACHES:
        if approach == "swap_model" and (
            deployment.model_id == current_model or deployment.hosting not in ("api", "serverless")
        ):
            continue
        if approach != "swap_model" and deployment.retires_soon:
            continue
        yield Option(approach, deployment=deployment)


def _tuned(
    deployment: Deployment, label_plans: tuple[int, ...], labels_at_hand: float | None, teacher_allowed: bool
) -> Iterator[Option]:
    if deployment.tier == "encoder":
        for labels, distilled in _label_choices(label_plans, labels_at_hand, teacher_allowed):
            yield Option("encoder", "encoder", deployment, None, labels, distilled)
        return
    for training in deployment.trainings:
        for labels, distilled in _label_choices(label_plans, labels_at_hand, teacher_allowed):
            yield Option(training, training, deployment, None, labels, distilled)
        if training != "full":
            yield Option("rag_plus_ft", training, deployment, None, None, teacher_allowed and not labels_at_hand)


def _label_choices(
    label_plans: tuple[int, ...], labels_at_hand: float | None, teacher_allowed: bool
) -> Iterator[tuple[int | None, bool]]:
    """(labels to train on, distilled): what is at hand, more bought, or made by a teacher."""
    at_hand = labels_at_hand if labels_at_hand is not None else None
    if at_hand is None or at_hand > 0:
        yield None, False
    for plan in label_plans:
        if at_hand is None or plan > at_hand * 1.5:
            yield plan, False
    if teacher_allowed and (at_hand is None or at_hand < 2000):
        yield None, True
