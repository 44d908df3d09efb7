"""The dry look at a planned run, in a process of its own: every row with the real tokenizer and template.

    python -m trainers.runs.look < request.json      {"project": ..., "spec": RunSpec}  ->  one JSON object on stdout

The caller (`look`) never loads a tokenizer; the child exits and takes its memory with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advisor.base.errors import (
    AdvisorError,
    CouldNotError,
    InvalidDataError,
    MissingPartError,
    UsageError,
)
from advisor.base.files import dump_json
from trainers.runs.client import child_environment
from trainers.runs.endings import MEMORY_WAYS_OUT
from trainers.runs.spec import RunSpec

_KINDS: dict[str, type[AdvisorError]] = {
    kind.__name__: kind for kind in (CouldNotError, InvalidDataError, MissingPartError, UsageError)
}


def look(project: Path, spec: RunSpec) -> dict[str, Any]:
    """Look at the run in a child process: `preflight`, `config` (of the model), `dtype`, `gpus`.

    Raises the error that the child met, or `CouldNotError` with its last words.
    """
    return in_child("trainers.runs.look", {"project": str(project), "spec": spec.model_dump(mode="json")})


def in_child(module: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run `python -m MODULE` with the request on stdin; its answer, or the error that it met raised here."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", module],
        input=dump_json(request),
        capture_output=True,
        text=True,
        env=child_environment(),
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        if done.returncode == -9:
            raise CouldNotError("the check of the plan was killed: out of memory?", fix=MEMORY_WAYS_OUT) from None
        raise CouldNotError(f"the check of the plan ended with code {done.returncode}: {last}") from None
    if error := answer.get("error"):
        raise _KINDS.get(error["kind"], CouldNotError)(error["what"], where=error["where"], fix=error["fix"])
    return answer


def serve(work: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """The child's side of `in_child`: one request from stdin, one JSON line to stdout, errors as data."""
    try:
        answer = work(json.load(sys.stdin))
    except AdvisorError as error:
        kind = next(name for name, known in _KINDS.items() if isinstance(error, known))
        answer = {"error": {"kind": kind, "what": error.what, "where": error.where, "fix": error.fix}}
    sys.stdout.write(dump_json(answer) + "\n")
    return 0


def _work(request: dict[str, Any]) -> dict[str, Any]:
    from trainers.methods import get_method
    from trainers.models.local import choose_dtype, model_dimensions

    spec = RunSpec.model_validate(request["spec"])
    method, project = get_method(spec.method), Path(request["project"])
    config = model_dimensions(spec.model) if method.ESTIMATE else {}
    preflight = method.look(spec, project).model_dump()
    preflight["refusals"] += _test_rows(spec, project)
    if method.ESTIMATE is None:  # a vendor trains: nothing of this machine matters
        return {"preflight": preflight, "config": {}, "dtype": "bf16", "gpus": []}
    return {
        "preflight": preflight,
        "config": config.get("text_config", config),
        "dtype": choose_dtype(spec.settings.get("dtype", "auto")),
        "gpus": _gpus(),
    }


def _test_rows(spec: RunSpec, project: Path) -> list[dict[str, Any]]:
    """Rows of the frozen test set among those that are trained on or chosen by."""
    from trainers.data.frozen import refuse_test_rows

    try:
        for data in filter(None, (spec.data, spec.held_out)):
            refuse_test_rows(project / data.path, project)
    except InvalidDataError as error:
        text = f"{error.what} ({error.where})" if error.where else error.what
        return [{"code": "test_rows", "text": text, "ways_out": [error.fix or "remove these rows"]}]
    return []


def _gpus() -> list[dict[str, Any]]:
    import torch

    if not torch.cuda.is_available():
        return []
    found = (torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count()))
    return [{"name": gpu.name, "memory_gib": round(gpu.total_memory / 2**30, 2)} for gpu in found]


if __name__ == "__main__":
    sys.exit(serve(_work))
