"""An exported model answers as the trained one does, or the export says that it does not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from advisor.base.errors import CouldNotError, InvalidDataError
from trainers.methods import get_method
from trainers.methods.shared.job import Job
from trainers.models.deploy import modelfile, serving_notes
from trainers.models.export import work
from trainers.models.merge import merge
from trainers.models.parity import Difference, Judge, Parity, Spoken, compare, speak, speak_served
from trainers.models.tiny import write_tiny_causal
from trainers.models.trained import load_trained, read_card
from trainers.runs.plan import data_file
from trainers.runs.spec import RunSpec

PROMPTS = [[{"role": "user", "content": f"say {letter}"}] for letter in "abcd"]


def spoken(*texts: str, ended: bool = True, rendered: str = "x", end_tokens: tuple[int, ...] = (2,)) -> Spoken:
    return Spoken(texts, (ended,) * len(texts), (rendered,) * len(texts), end_tokens)


def test_the_same_answers_have_no_problems() -> None:
    parity = compare("merged", spoken("a", "b"), spoken("a", "b"))
    assert (parity.match_share, parity.problems) == (1.0, [])


@pytest.mark.parametrize(
    ("exported", "problem"),
    [
        (spoken("a", "x"), "only 1 of 2 answers"),
        (spoken("a", "b", ended=False), "run on"),
        (spoken("a", "b", rendered="y"), "template"),
        (spoken("a", "b", end_tokens=(0,)), "other tokens"),
    ],
)
def test_each_difference_is_named(exported: Spoken, problem: str) -> None:
    problems = compare("merged", spoken("a", "b"), exported).problems
    assert len(problems) == 1
    assert problem in problems[0]


def parted(*margins: float | None, drift: float | None = None) -> Parity:
    """Four answers, of which so many differ."""
    differences = tuple(Difference("a", "b", margin) for margin in margins)
    return Parity("merged", 4, differences, False, False, drift)


def test_a_tie_is_rounding_and_told_with_its_margin() -> None:
    parity = parted(0.12, 0.0)
    assert (parity.same_answers, parity.ties, parity.problems) == (2, 2, [])
    assert "2 part from it at a tie, by rounding (two words within 0.12 nats)" in parity.in_words


def test_a_word_that_the_model_is_sure_of_is_no_tie() -> None:
    (problem,) = parted(0.12, 2.5).problems
    assert "only 3 of 4 answers are the same, and not for rounding (two words 2.5 nats apart)" in problem
    assert parted(None).problems == ["only 3 of 4 answers are the same"]


def test_another_model_with_the_same_answers_is_found_out() -> None:
    assert "otherwise likely, by 0.3 nats" in parted(drift=0.3).problems[0]
    assert parted(drift=0.004).problems == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_coarser_numbers_are_rounding_and_other_weights_are_not(tmp_path: Path) -> None:
    """With real models: one in fp32, the same in bf16, and one with noise in its weights."""
    import torch

    from trainers.models.local import load_model, load_tokenizer

    folder = str(write_tiny_causal(tmp_path / "m"))
    tokenizer, model, coarse, other = load_tokenizer(folder), *(load_model(folder, d) for d in ("fp32", "bf16", "fp32"))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 0.3)
    trained = speak(model, tokenizer, PROMPTS, 8)
    judge = Judge(model, tokenizer, trained)
    rounded, wrong = (
        compare("x", trained, speak(each, tokenizer, PROMPTS, 8), judge=judge, model=each) for each in (coarse, other)
    )
    assert rounded.problems == []
    assert any("not for rounding" in problem for problem in wrong.problems)
    assert any("otherwise likely" in problem for problem in wrong.problems)


@pytest.fixture(
    scope="module",
    params=[pytest.param("lora", marks=pytest.mark.slow), pytest.param("qlora", marks=pytest.mark.slow), "full"],
)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSpec, Path]:
    """A tiny model tuned by each method: (spec, artefact)."""
    project = tmp_path_factory.mktemp(request.param)
    write_tiny_causal(project / "model")
    data = project / "data" / "train.jsonl"
    data.parent.mkdir()
    rows = ({"prompt": f"say {'abcd'[i % 4]}", "completion": "abcd"[i % 4] * 3} for i in range(80))
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = get_method(request.param).Settings(epochs=6.0, learning_rate=0.02).model_dump()
    spec = RunSpec(
        id="r",
        method=request.param,
        model=str(project / "model"),
        data=data_file(project, data),
        settings=settings,
        created="2026-11-24",
    )
    folder = project / "runs" / "r"
    folder.mkdir(parents=True)
    outcome = get_method(request.param).train(Job(spec, folder, lambda kind, **fields: None, lambda: False))
    return spec, folder / str(outcome.artefact)


def exported(artefact: Path, target: Path, **given: Any) -> dict[str, Any]:
    request = {"artefact": str(artefact), "target": str(target), "merge": True, "dtype": "fp32", "max_new_tokens": 8}
    return work({**request, "prompts": PROMPTS, **given})


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_every_form_agrees_with_the_trained_model(trained: tuple[RunSpec, Path], tmp_path: Path) -> None:
    spec, artefact = trained
    found = exported(artefact, tmp_path)
    assert found["forms"] == (["model"] if spec.method == "full" else ["adapter", "merged"])
    assert [parity["problems"] for parity in found["parity"]] == [[] for _ in found["forms"]]
    assert found["chatml"]
    whole = found["forms"][-1]
    text = modelfile(found, whole)
    assert text.startswith(f"FROM ./{whole}\n")
    assert 'PARAMETER stop "<|im_end|>"' in text
    notes = serving_notes(found, spec, "mine", tmp_path)
    assert f"vllm serve {tmp_path / whole} --served-model-name mine" in notes
    assert ("--enable-lora" in notes) == (spec.method != "full")
    assert ("--quantization bitsandbytes" in notes) == (spec.method == "qlora")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_a_merge_into_other_weights_is_found_out(trained: tuple[RunSpec, Path], tmp_path: Path) -> None:
    """What a wrong merge does: the adapter's base is not the one it was trained on."""
    spec, artefact = trained
    if spec.method == "full":
        pytest.skip("a whole model has no base")
    import torch

    from trainers.models.local import load_model

    merge(artefact, tmp_path / "merged", "fp32")
    model, tokenizer = load_trained(artefact, "fp32")
    wrong = load_model(str(tmp_path / "merged"), "fp32")
    with torch.no_grad():
        for parameter in wrong.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 0.3)
    parity = compare("merged", speak(model, tokenizer, PROMPTS, 8), speak(wrong, tokenizer, PROMPTS, 8))
    assert any("answers are the same" in problem for problem in parity.problems)


def test_the_card_says_what_the_weights_belong_to(trained: tuple[RunSpec, Path]) -> None:
    spec, artefact = trained
    card = read_card(artefact)
    assert (card.run, card.base, card.data_sha256) == ("r", spec.model, spec.data.sha256)
    assert (card.quantisation is not None) == (spec.method == "qlora")
    with pytest.raises(InvalidDataError, match="nothing that a run has trained"):
        read_card(artefact.parent)


class _Server(BaseHTTPRequestHandler):
    """Answers every question with the last word of it, three letters long."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = asked["messages"][-1]["content"].split()[-1] * 3
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        body = json.dumps(
            {"id": "1", "object": "chat.completion", "created": 0, "model": asked["model"], "choices": [choice]}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/v1"
        running.shutdown()
        thread.join()


def test_a_served_model_is_compared(server: str) -> None:
    answers = speak_served(server, "mine", PROMPTS, 8)
    assert answers.texts == ("aaa", "bbb", "ccc", "ddd")
    parity = compare("served", spoken("aaa", "bbb", "ccc", "ddd"), answers)
    assert parity.problems == []
    wrong = compare("served", spoken("aaa", "bbb", "ccc", "eee"), answers)
    assert "3 of 4" in wrong.problems[0]


def test_a_server_that_is_not_there(server: str) -> None:
    with pytest.raises(CouldNotError, match="does not answer"):
        speak_served("http://127.0.0.1:9/v1", "mine", PROMPTS[:1], 8)
