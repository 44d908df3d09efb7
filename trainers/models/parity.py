"""Do the exported forms of a model answer as the trained one does? Same prompts, greedy, compared answer by answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

LEAST_MATCH_SHARE = 0.9
"""Rounding may turn a near tie the other way in a few long answers; more than that is another model."""


@dataclass(frozen=True, slots=True)
class Parity:
    """One exported form against the trained model."""

    form: str
    prompts: int
    same_answers: int
    same_ends: int
    """Answers that both ended by themselves, or neither."""
    template_differs: bool
    end_tokens_differ: bool
    examples: tuple[tuple[str, str], ...]
    """(trained, exported) where they differ; the first three."""

    @property
    def match_share(self) -> float:
        return self.same_answers / self.prompts if self.prompts else 1.0

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty when the forms agree."""
        found = []
        if self.template_differs:
            found.append("the chat template renders prompts differently")
        if self.end_tokens_differ:
            found.append("answers end with other tokens")
        if self.match_share < LEAST_MATCH_SHARE:
            found.append(f"only {self.same_answers} of {self.prompts} answers are the same")
        if self.same_ends < self.prompts * LEAST_MATCH_SHARE:
            found.append(f"{self.prompts - self.same_ends} answers end in one form and run on in the other")
        return found

    def as_json(self) -> dict[str, Any]:
        """For files and programs."""
        return {**asdict(self), "match_share": round(self.match_share, 4), "problems": self.problems}


@dataclass(frozen=True, slots=True)
class Spoken:
    """The answers of one form."""

    texts: tuple[str, ...]
    ended: tuple[bool, ...]
    rendered: tuple[str, ...] | None
    """The prompts as text; None when the form does not show them (a server)."""
    end_tokens: tuple[int, ...] | None


def compare(form: str, trained: Spoken, exported: Spoken) -> Parity:
    """How far an exported form agrees with the trained model."""
    pairs = list(zip(trained.texts, exported.texts, strict=True))
    ends = sum(a == b for a, b in zip(trained.ended, exported.ended, strict=True))
    return Parity(
        form=form,
        prompts=len(pairs),
        same_answers=sum(a == b for a, b in pairs),
        same_ends=ends,
        template_differs=exported.rendered is not None and exported.rendered != trained.rendered,
        end_tokens_differ=exported.end_tokens is not None and set(exported.end_tokens) != set(trained.end_tokens or ()),
        examples=tuple((a, b) for a, b in pairs if a != b)[:3],
    )


def speak(model: Any, tokenizer: Any, prompts: Sequence[list[dict[str, Any]]], max_new_tokens: int) -> Spoken:
    """Greedy answers of a local model."""
    from trainers.evaluation.generate import LocalModel

    local = LocalModel("model", model, tokenizer)
    found: dict[int, Any] = {}
    for batch in local.answers(list(prompts), max_new_tokens=max_new_tokens):
        found.update(batch)
    rendered = tuple(
        str(tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)) for prompt in prompts
    )
    answers = [found[place] for place in range(len(prompts))]
    return Spoken(
        tuple(answer.text for answer in answers),
        tuple(answer.ended for answer in answers),
        rendered,
        tuple(local.end_tokens),
    )


def speak_served(url: str, name: str, prompts: Sequence[list[dict[str, Any]]], max_new_tokens: int) -> Spoken:
    """Greedy answers of a server that speaks the OpenAI protocol. Raises `CouldNotError` when it does not answer."""
    from advisor.base.errors import CouldNotError, require

    require("openai", "api")
    import openai

    texts, ended = [], []
    try:
        # A local server wants no key, but the client wants something to send.
        with openai.OpenAI(base_url=url, api_key="none", max_retries=2, timeout=120) as client:
            for prompt in prompts:
                done = client.chat.completions.create(
                    model=name,
                    messages=prompt,
                    temperature=0,
                    max_tokens=max_new_tokens,
                )
                texts.append(done.choices[0].message.content or "")
                ended.append(done.choices[0].finish_reason == "stop")
    except openai.OpenAIError as error:
        raise CouldNotError(f"the served model does not answer: {error}", where=url, fix="start it first") from None
    return Spoken(tuple(texts), tuple(ended), None, None)
