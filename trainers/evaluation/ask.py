"""Ask a server for the answers to test items, outside a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from advisor.base.errors import InvalidDataError
from advisor.base.files import append_line, read_jsonl
from trainers.evaluation.endpoint import Endpoint
from trainers.evaluation.items import Item
from trainers.evaluation.metrics._text import trimmed
from trainers.evaluation.spec import CandidateSpec

_LEAST_TOKENS = 64


def ask_endpoint(
    server: CandidateSpec,
    items: Sequence[Item],
    *,
    save: Path | None,
    max_new_tokens: int | None,
    say: Callable[[str], None],
) -> list[str]:
    """The output for every item, in their order; with `save` they are kept in NAME.jsonl there and not asked again."""
    if any(not item.messages for item in items):
        what = "a test line has no 'messages': there is nothing to ask"
        raise InvalidDataError(what, fix="give each line the conversation before the answer")
    path = None if save is None else save / f"{server.name}.jsonl"
    outputs = _kept(path)
    todo = [item for item in items if item.id not in outputs]
    if todo:
        endpoint = Endpoint(server)
        limit = max_new_tokens or max(_LEAST_TOKENS, *(len(trimmed(item.expected)) for item in items))
        prompts, tools = [list(item.messages) for item in todo], [item.tools for item in todo]
        answers = endpoint.answers(prompts, max_new_tokens=limit, tools=tools)
        for done, (place, answer) in enumerate(answers, start=1):
            outputs[todo[place].id] = answer.output
            if path is not None:
                append_line(path, {"id": todo[place].id, "output": answer.output})
            if done % 10 == 0 or done == len(todo):
                say(f"{server.name}: {done} of {len(todo)}")
    return [outputs[item.id] for item in items]


def _kept(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    return {str(row["id"]): str(row["output"]) for _, row in read_jsonl(path, forgive_last=True)}
