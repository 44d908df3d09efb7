"""Which options exist: approach x model x training x where it runs x labels, generated from what can be bought and run
on the day.

Nothing is listed by hand. A deployment (a model at a place with prices in force) comes from `advisor.decision.market`;
each approach
says which deployments it can use. Gates (rules) remove options afterwards, so that every removal has a rule and a
reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
LEVELS = {
    "keep_current": 0,
    "swap_model": 1,
    "prompting": 1,
    "long_context": 1,
    "few_shot_retrieval": 2,
    "rag": 3,
    "encoder": 4,
    "api_tuning": 4,
    "lora": 5,
    "qlora": 5,
    "full": 6,
    "rag_plus_ft": 7,
}
"""Steps of work in the order in which they are tried: prompting, retrieval, training (the article's rule)."""
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
    "cpu": "{gpu}",
    "current": "as today",
}
TRAINING_LABEL = {"lora": "LoRA", "qlora": "QLoRA", "full": "full tuning", "api_tuning": "vendor tuning"}
KEEP_LABEL = {"none": "Do nothing (nothing does the job today)", "human": "Keep the work with people, as today"}
WORKING = frozenset({"prompting", "rag", "fine_tuning", "rag_plus_ft"})
"""Ways of doing the job with a model that may run today."""
HOSTED_PARAMS_B = 1e4
"""Stands for the undisclosed size of a hosted model in comparisons: larger than any open one."""
UNKNOWN_YEAR = 2026
LEAST_WINDOW = 32_000
"""Tokens of context below which "the documents in the window" is not an approach."""
MOST_TO_DISTIL_FOR = 2000
"""With this many labelled examples at hand a teacher adds nothing."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way of doing the job. `labels` None means the labelled examples at hand."""

    approach: str
    training: str = "none"
    deployment: Deployment | None = None
    service: TuningOffer | None = None
    labels: int | None = None
    distilled: bool = False
    current: str | None = None
    """How the job is done today; matters for keep_current and swap_model."""
    id: str = field(init=False, compare=False, default="")
    """Stable and readable: approach/model/training@hosting+labels."""
    attributes: dict[str, object] = field(init=False, compare=False, hash=False, repr=False, default_factory=dict)
    """`option.*` as rules and effects name them, without the prefix. `labels_used` is None for the labels at hand."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self._identity())
        object.__setattr__(self, "attributes", self._attributes())

    def _identity(self) -> str:
        if self.deployment is None:
            return self.approach
        parts = [self.approach, self.deployment.model_id]
        if self.approach == "rag_plus_ft":
            parts.append(self.training)
        labels = "+distilled" if self.distilled else (f"+{self.labels}" if self.labels else "")
        return "/".join(parts) + f"@{self.deployment.place}{labels}"

    @property
    def approach_class(self) -> str:
        """The class of the approach; of keep_current and of a swapped model, what runs today."""
        if self.approach == "keep_current" and self.current in WORKING:
            return self.current
        if self.approach == "swap_model" and self.current == "rag":
            return "rag"
        return APPROACH_CLASS[self.approach]

    @property
    def label(self) -> str:
        """What people read."""
        if self.deployment is None:
            return KEEP_LABEL.get(self.current or "", APPROACH_LABEL[self.approach])
        d = self.deployment
        verb = APPROACH_LABEL[self.approach].format(training=TRAINING_LABEL.get(self.training, ""))
        if self.approach == "swap_model" and self.current not in ("prompting", "rag"):
            verb = "Plain prompt on"
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
        """Whether passages are retrieved into the prompt."""
        return self.approach in ("rag", "rag_plus_ft") or (self.approach == "swap_model" and self.current == "rag")

    @property
    def quality_key(self) -> tuple[object, ...]:
        """Options with equal keys answer equally well."""
        return (self.approach, self.training, self.model_name, self.labels, self.distilled)

    def attribute(self, name: str) -> object:
        """The value of `option.<name>` in rules and effects. Raises KeyError for an unknown name."""
        return self.attributes[name]

    def _attributes(self) -> dict[str, object]:
        d = self.deployment
        return {
            "approach": self.approach,
            "approach_class": self.approach_class,
            "training": self.training,
            "hosting": self.hosting,
            "hosted": self.hosting in ("api", "serverless"),
            "self_hosted": self.hosting in SELF_HOSTED,
            "retrieval": self.retrieval,
            "long_context": self.approach == "long_context",
            "distilled": self.distilled,
            "labels_used": self.labels,
            "gpus": 0 if d is None else d.gpus,
            "gpu_memory_gib": 0.0 if d is None else d.gpu_memory_gib / max(d.gpus, 1),
            "training_memory_gib": 0.0 if d is None or d.machine is None else d.machine.training_memory_gib,
            "tier": "unknown" if d is None else d.tier,
            "open_weights": False if d is None else d.open_weights,
            "params_b": HOSTED_PARAMS_B if d is None or d.params_b is None else d.params_b,
            "model_year": UNKNOWN_YEAR if d is None else d.model_year,
            "context_tokens": 0 if d is None else d.context_tokens,
            "vendor": "" if d is None else d.vendor,
        }


def generate(
    deployments: Iterable[Deployment],
    services: Iterable[TuningOffer],
    *,
    label_plans: tuple[int, ...],
    labels_at_hand: float | None,
    teacher_allowed: bool,
    current_model: str | None,
    current: str | None = None,
) -> list[Option]:
    """Every option that exists on the day, before gates.

    `label_plans` are totals of examples that could be bought; only those above what is at hand make an option of their
    own.
    `current_model` is left out of swap_model: it is the status quo. `current` is how the job is done today.
    """
    labels = tuple(_label_choices(label_plans, labels_at_hand, teacher_allowed))
    own_or_taught = labels[0] if labels else (None, False)
    found = [Option("keep_current", current=current)]
    for deployment in deployments:
        found.extend(_prompted(deployment, current_model, current))
        found.extend(_tuned(deployment, labels))
    for service in services:
        for count, distilled in labels:
            found.append(Option("api_tuning", "api_tuning", service.deployment, service, count, distilled))
        found.append(Option("rag_plus_ft", "api_tuning", service.deployment, service, *own_or_taught))
    return list({option.id: option for option in found}.values())


def _prompted(deployment: Deployment, current_model: str | None, current: str | None) -> Iterator[Option]:
    if deployment.tier == "encoder":
        return
    for approach in PROMPT_APPROACHES:
        if deployment.retires_soon or (approach == "swap_model" and deployment.model_id == current_model):
            continue
        if approach == "long_context" and deployment.context_tokens < LEAST_WINDOW:
            continue
        yield Option(approach, deployment=deployment, current=current)


def _tuned(deployment: Deployment, labels: tuple[tuple[int | None, bool], ...]) -> Iterator[Option]:
    """Adapters and encoders with every source of labels; 4-bit and full training with the first, which is the
    cheapest."""
    for training in deployment.trainings:
        for count, distilled in labels if training in ("lora", "encoder") else labels[:1]:
            yield Option(training, training, deployment, None, count, distilled)
        if training == "lora" and labels:
            yield Option("rag_plus_ft", training, deployment, None, *labels[0])


def _label_choices(
    label_plans: tuple[int, ...], labels_at_hand: float | None, teacher_allowed: bool
) -> Iterator[tuple[int | None, bool]]:
    """(labels to train on, distilled): what is at hand, made by a teacher, or more bought. The first is the
    cheapest."""
    at_hand = labels_at_hand
    if at_hand is None or at_hand > 0:
        yield None, False
    if teacher_allowed and (at_hand is None or at_hand < MOST_TO_DISTIL_FOR):
        yield None, True
    for plan in label_plans:
        if at_hand is None or plan > at_hand * 1.5:
            yield plan, False
