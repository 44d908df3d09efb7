"""The child process of an evaluation: loads the models, answers, measures, writes into the evaluation's folder.

python -m trainers.evaluation.worker EVALUATION_FOLDER PROJECT_FOLDER

What is there already is not done again. Events go to stdout as JSON lines: `progress` (candidate, done, total,
seconds_left), `note` (text), `error` (what, where, fix, exit_code). Whatever libraries print goes to stderr.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from advisor.base.errors import AdvisorError
from advisor.base.files import dump_json
from trainers.evaluation import general
from trainers.evaluation.folder import EvaluationFolder
from trainers.evaluation.generate import Generated, LocalModel, load_local
from trainers.evaluation.items import Item
from trainers.evaluation.latency import latency_of
from trainers.evaluation.plan import ENCODER, answer_limit, chosen_items, example_items, latency_sample
from trainers.evaluation.prompts import Messages, conversations, question
from trainers.evaluation.spec import Answer, CandidateSpec, EvaluationSpec, Latency
from trainers.evaluation.tool_answers import as_answered
from trainers.models.template import shown_by
from trainers.models.trained import read_card

_REPORT_EVERY_S = 0.5

Report = Callable[..., None]


class Stopwatch:
    """Progress of one candidate, reported at most twice a second and at the end."""

    def __init__(self, report: Report, name: str, total: int, done: int) -> None:
        self._report, self._name, self._total, self._done = report, name, total, done
        self._began = self._last = time.monotonic()
        self._first = done

    def step(self, answers: int) -> None:
        """So many more answers."""
        self._done += answers
        now = time.monotonic()
        if now - self._last < _REPORT_EVERY_S and self._done < self._total:
            return
        self._last = now
        each = (now - self._began) / (self._done - self._first)
        left = round(each * (self._total - self._done), 1)
        self._report("progress", candidate=self._name, done=self._done, total=self._total, seconds_left=left)


class Worker:
    """One evaluation being made."""

    def __init__(self, folder: EvaluationFolder, project: Path, report: Report) -> None:
        self.folder = folder
        self.project = project
        self.report = report
        self.spec: EvaluationSpec = folder.spec
        self.items = chosen_items(self.spec, project)
        self.examples = example_items(self.spec, project)

    def run(self) -> None:
        """Everything that is not there yet."""
        for model, artefact in dict.fromkeys((c.model, c.artefact) for c in self.spec.candidates if c.model):
            self._local(str(model), artefact)
        for candidate in self.spec.candidates:
            if candidate.endpoint is not None:
                self._endpoint(candidate)
            elif candidate.model is None:
                self._nearest(candidate)

    def missing(self, candidate: CandidateSpec) -> list[Item]:
        """The items that the candidate has not answered."""
        there = self.folder.answers(candidate.name)
        return [item for item in self.items if item.id not in there]

    def _prompts(self, items: Sequence[Item], candidate: CandidateSpec) -> list[Messages]:
        return conversations(items, self.examples, candidate.prompt, candidate.shots)

    def _local(self, model: str, artefact: str | None) -> None:
        candidates = [c for c in self.spec.candidates if (c.model, c.artefact) == (model, artefact)]
        side = "tuned" if artefact else "base"
        ask_general = self.spec.general and side not in self.folder.general() and self._tuned_base() == model
        latencies = self.folder.latencies()
        open_latency = [c for c in candidates if self.spec.latency_requests and c.name not in latencies]
        if not (ask_general or open_latency or any(self.missing(c) for c in candidates)):
            return
        if artefact is not None and read_card(self.project / artefact).method == ENCODER:
            self._encoder(candidates[0], self.project / artefact)
            return
        local = load_local(model, self.project / artefact if artefact else None, self.spec.dtype)
        limit = answer_limit(self.spec, self.items, self.examples, local.count)
        if any(item.tools for item in self.items) and not shown_by(local.tokenizer).tools:
            self.report("note", text=f"{side}: the tools stay unseen, the model's chat template does not write them")
        for candidate in candidates:
            self._answer(candidate, local, _room(candidate, limit))
        if ask_general:
            self._general(side, local)
        if open_latency and local.merge_adapter():
            self.report("note", text=f"{side}: timed with the adapter merged into the weights, as it would be served")
        for candidate in open_latency:
            self.folder.add_latency(candidate.name, self._latency(candidate, local, _room(candidate, limit)))

    def _encoder(self, candidate: CandidateSpec, artefact: Path) -> None:
        """An encoder names labels: all at once, then some alone for the time it takes."""
        from trainers.models.encoder import load_encoder

        encoder = load_encoder(artefact)
        todo = self.missing(candidate)
        if todo:
            began = time.monotonic()
            texts = encoder.answer([question(item) for item in todo])
            each = round((time.monotonic() - began) / len(todo), 4)
            pairs = zip(todo, texts, strict=True)
            self.folder.add(candidate.name, [Answer(id=i.id, output=text, seconds=each) for i, text in pairs])
        if self.spec.latency_requests and candidate.name not in self.folder.latencies():
            alone = []
            for item in latency_sample(self.spec, self.items):
                began = time.monotonic()
                text = encoder.answer([question(item)])[0]
                alone.append(Answer(id=item.id, output=text, seconds=time.monotonic() - began))
            self.folder.add_latency(candidate.name, latency_of(alone))

    def _tuned_base(self) -> str | None:
        """The model that the tuned candidate was made from; None when there is no tuned candidate."""
        return next((c.model for c in self.spec.candidates if c.artefact and c.approach != ENCODER), None)

    def _answer(self, candidate: CandidateSpec, local: LocalModel, limit: int) -> None:
        todo = self.missing(candidate)
        if not todo:
            return
        watch = Stopwatch(self.report, candidate.name, len(self.items), len(self.items) - len(todo))
        schema = self.spec.json_schema if candidate.constrained else None
        tools = [item.tools for item in todo]
        prompts = self._prompts(todo, candidate)
        for batch in local.answers(prompts, max_new_tokens=limit, tools=tools, schema=schema):
            self.folder.add(candidate.name, [_answer(todo[place], made, local) for place, made in batch])
            watch.step(len(batch))

    def _latency(self, candidate: CandidateSpec, local: LocalModel, limit: int) -> Latency:
        """Single requests; what all prompts share is computed before, as servers with a prefix cache do."""
        sample = latency_sample(self.spec, self.items)
        self.report("note", text=f"{candidate.name}: timing {len(sample)} single requests")
        schema = self.spec.json_schema if candidate.constrained else None
        prompts = self._prompts(sample, candidate)
        tools = [item.tools for item in sample]
        # The first call of a kind is slower.
        list(local.answers(prompts[:1], max_new_tokens=4, tools=tools[:1], schema=schema))
        made = local.answers(prompts, max_new_tokens=limit, tools=tools, schema=schema, batch_rows=1)
        return latency_of([_answer(sample[place], each, local) for batch in made for place, each in batch])

    def _general(self, side: str, local: LocalModel) -> None:
        self.report("note", text=f"{side}: {len(general.questions())} everyday questions")
        batches = local.answers(general.prompts(), max_new_tokens=general.MAX_NEW_TOKENS)
        made = {place: each for batch in batches for place, each in batch}
        texts = {asked.id: made[place].text for place, asked in enumerate(general.questions())}
        self.folder.add_general(side, texts)

    def _endpoint(self, candidate: CandidateSpec) -> None:
        from trainers.evaluation.endpoint import Endpoint

        todo = self.missing(candidate)
        if not todo:
            return
        endpoint = Endpoint(candidate)
        limit = answer_limit(self.spec, self.items, self.examples, None)
        schema = self.spec.json_schema if candidate.constrained else None
        watch = Stopwatch(self.report, candidate.name, len(self.items), len(self.items) - len(todo))
        tools = [item.tools for item in todo]
        prompts = self._prompts(todo, candidate)
        for place, made in endpoint.answers(prompts, max_new_tokens=limit, tools=tools, schema=schema):
            self.folder.add(candidate.name, [made.model_copy(update={"id": todo[place].id})])
            watch.step(1)

    def _nearest(self, candidate: CandidateSpec) -> None:
        """No model at all: the answer of the nearest training row. What any model has to beat."""
        from trainers.evaluation.metrics._text import trimmed
        from trainers.evaluation.retrieve import Retriever

        todo = self.missing(candidate)
        if not todo:
            return
        best = Retriever([question(row) for row in self.examples]).nearest([question(item) for item in todo], 1)
        pairs = zip(todo, best, strict=True)
        made = [Answer(id=item.id, output=trimmed(self.examples[row[0]].expected)) for item, row in pairs]
        self.folder.add(candidate.name, made)


def _room(candidate: CandidateSpec, limit: int) -> int:
    """Under a schema a model that would write otherwise spells the answer in more, shorter tokens."""
    return limit * 2 if candidate.constrained else limit


def _answer(item: Item, made: Generated, local: LocalModel) -> Answer:
    return Answer(
        id=item.id,
        output=as_answered(made.text, item, local.tokenizer),
        prompt_tokens=made.prompt_tokens,
        output_tokens=made.output_tokens,
        ended=made.ended,
        seconds=round(made.seconds, 4),
    )


def main(argv: Sequence[str]) -> int:
    """Make the evaluation in the folder; the exit code of the error that stopped it, or 0."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # libraries that print do not disturb the events

    def report(kind: str, **fields: object) -> None:
        events.write(dump_json({"kind": kind, **fields}) + "\n")
        events.flush()

    try:
        Worker(EvaluationFolder(Path(argv[0])), Path(argv[1]), report).run()
    except BrokenPipeError:
        return 1  # nobody listens any more
    except AdvisorError as error:
        traceback.print_exc()
        report("error", what=error.what, where=error.where, fix=error.fix, exit_code=error.exit_code)
        return error.exit_code
    except MemoryError:
        report("error", what="out of memory", where=None, fix="evaluate with fewer --shots", exit_code=1)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
