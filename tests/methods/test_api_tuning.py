"""Tuning by a vendor, against a local server that speaks the protocol and misbehaves on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tools_shown import WEATHER, calling_row

from advisor.base.errors import AdvisorError, CouldNotError, MissingPartError
from trainers.methods import api_tuning as method
from trainers.methods.api_tuning import Settings, read_tuned
from trainers.methods.shared.job import Job
from trainers.methods.vendors import vendors
from trainers.runs.plan import data_file
from trainers.runs.spec import RunSpec

pytest.importorskip("openai")


class Vendor:
    """A vendor in memory. `faults` are answered instead of the next requests whose path contains the key."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.faults: list[tuple[str, str, str]] = []
        self.looks_until_done = 2
        self.fails_with: str | None = None
        self.requests: list[str] = []

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = f"ftjob-{len(self.jobs) + 1}"
        job = {
            "id": name,
            "object": "fine_tuning.job",
            "created_at": 0,
            "model": asked["model"],
            "status": "running",
            "training_file": asked["training_file"],
            "hyperparameters": {},
            "organization_id": "o",
            "result_files": [],
            "seed": asked.get("seed", 0),
            "metadata": asked.get("metadata"),
            "fine_tuned_model": None,
            "trained_tokens": None,
            "method": asked.get("method"),
        }
        self.jobs[name] = {**job, "looks": 0}
        self.events[name] = [event(1, "started")]
        return job

    def retrieve(self, name: str) -> dict[str, Any]:
        job = self.jobs[name]
        job["looks"] += 1
        step = job["looks"]
        self.events[name].append(event(step + 1, f"step {step}", {"step": step, "train_loss": 1.0 / step}))
        if step >= self.looks_until_done and job["status"] == "running":
            if self.fails_with:
                job |= {"status": "failed", "error": {"code": "x", "message": self.fails_with, "param": None}}
            else:
                job |= {"status": "succeeded", "fine_tuned_model": "ft:base:mine", "trained_tokens": 1234}
        return job


def event(number: int, message: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    kind = "metrics" if data else "message"
    head = {"id": f"ev-{number}", "object": "fine_tuning.job.event", "created_at": number, "level": "info"}
    return {**head, "type": kind, "message": message, "data": data}


class Handler(BaseHTTPRequestHandler):
    """The protocol: files, fine_tuning/jobs, events, cancel."""

    vendor: Vendor

    def _fault(self, method_name: str) -> bool:
        self.vendor.requests.append(f"{method_name} {self.path}")
        for place, (verb, path, fault) in enumerate(self.vendor.faults):
            if verb == method_name and path in self.path:
                del self.vendor.faults[place]
                return self._misbehave(fault)
        return False

    def _misbehave(self, fault: str) -> bool:
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault == "do and drop":  # the job is made, the answer is lost
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.vendor.create(asked)
            self.close_connection = True
            self.connection.close()
        elif fault == "no json":
            self._answer(200, b"<html>")
        else:
            self._answer(int(fault), json.dumps({"error": {"message": f"status {fault}"}}).encode())
        return True

    def do_GET(self) -> None:
        if self._fault("GET"):
            return
        path = self.path.split("?")[0].removeprefix("/v1/fine_tuning/jobs").strip("/")
        if not path:
            self._json({"object": "list", "data": list(self.vendor.jobs.values()), "has_more": False})
        elif path.endswith("/events"):
            events = self.vendor.events[path.split("/")[0]]
            self._json({"object": "list", "data": list(reversed(events)), "has_more": False})
        else:
            self._json(self.vendor.retrieve(path))

    def do_POST(self) -> None:
        if self._fault("POST"):
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/files"):
            name = f"file-{len(self.vendor.files) + 1}"
            self.vendor.files[name] = body
            kept = {"object": "file", "bytes": len(body), "created_at": 0, "filename": "x", "status": "processed"}
            self._json({"id": name, "purpose": "fine-tune", **kept})
        elif self.path.endswith("/cancel"):
            name = self.path.split("/")[-2]
            self.vendor.jobs[name]["status"] = "cancelled"
            self._json(self.vendor.jobs[name])
        else:
            self._json(self.vendor.create(json.loads(body)))

    def _json(self, value: dict[str, Any]) -> None:
        self._answer(200, json.dumps(value).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Vendor, str]]:
    monkeypatch.setenv("TUNING_API_KEY", "not-a-secret")
    monkeypatch.setattr(method, "_FIRST_WAIT_S", 0.01)
    state = Vendor()
    handler = type("Bound", (Handler,), {"vendor": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state, f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture
def job(tmp_path: Path, vendor: tuple[Vendor, str]) -> Callable[..., tuple[Job, list[tuple[str, dict[str, Any]]]]]:
    _, url = vendor
    data = tmp_path / "data" / "train.jsonl"
    data.parent.mkdir()
    rows = [{"id": i, "prompt": f"q{i}", "completion": "a", "note": "ours"} for i in range(20)]
    rows.append(calling_row(20))
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = tmp_path / "runs" / "r"
    folder.mkdir(parents=True)
    settings = Settings(vendor="compatible", base_url=url, poll_s=0.01)
    spec = RunSpec(
        id="r",
        method="api_tuning",
        model="base",
        data=data_file(tmp_path, data),
        settings=settings.model_dump(),
        created="2026-11-24",
    )

    def make(should_stop: Callable[[], bool] = lambda: False) -> tuple[Job, list[tuple[str, dict[str, Any]]]]:
        heard: list[tuple[str, dict[str, Any]]] = []
        return Job(spec, folder, lambda kind, **fields: heard.append((kind, fields)), should_stop), heard

    return make


Make = Callable[..., tuple[Job, list[tuple[str, dict[str, Any]]]]]


def test_from_rows_to_a_tuned_model(vendor: tuple[Vendor, str], job: Make) -> None:
    state, _ = vendor
    made, heard = job()
    outcome = method.train(made)
    assert (outcome.finished, outcome.measured.tokens) == (True, 1234)
    assert read_tuned(made.folder / str(outcome.artefact)) == "ft:base:mine"
    (sent,) = state.files.values()
    assert b'{"messages": [{"role": "user", "content": "q0"}' in sent
    assert b"ours" not in sent  # nothing but the conversation leaves the house
    assert (
        b'"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{' in sent
    )
    assert json.dumps([WEATHER]).encode() in sent
    steps = [fields["step"] for kind, fields in heard if kind == "step"]
    assert steps == sorted(set(steps))
    assert steps[-1] == 2
    (order,) = state.jobs.values()
    assert order["method"]["supervised"]["hyperparameters"] == {"n_epochs": 3}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["429", "500", "503", "drop", "no json"])
@pytest.mark.parametrize("where", [("POST", "/files"), ("GET", "/jobs/ftjob-1"), ("GET", "/events")])
def test_trouble_on_the_way_is_waited_out(
    vendor: tuple[Vendor, str], job: Make, fault: str, where: tuple[str, str]
) -> None:
    state, _ = vendor
    state.faults = [(*where, fault)]
    made, _ = job()
    assert method.train(made).finished
    assert state.faults == []
    assert len(state.jobs) == 1


@pytest.mark.parametrize("fault", ["429", "500", "drop"])
def test_a_job_that_was_not_begun_is_tried_again(vendor: tuple[Vendor, str], job: Make, fault: str) -> None:
    state, _ = vendor
    state.faults = [("POST", "/fine_tuning/jobs", fault)]
    made, _ = job()
    assert method.train(made).finished
    assert len(state.jobs) == 1


def test_a_job_whose_answer_was_lost_is_not_paid_twice(vendor: tuple[Vendor, str], job: Make) -> None:
    state, _ = vendor
    state.faults = [("POST", "/fine_tuning/jobs", "do and drop")]
    made, _ = job()
    assert method.train(made).finished
    assert len(state.jobs) == 1


def test_a_lost_run_finds_its_job_again(vendor: tuple[Vendor, str], job: Make) -> None:
    state, _ = vendor
    state.looks_until_done = 5
    made, _ = job(lambda: True)  # the supervisor is gone: stop, but leave the job alone
    assert not method.train(made).finished
    assert state.jobs["ftjob-1"]["status"] == "running"
    again, heard = job()
    assert method.train(again).finished
    assert (len(state.jobs), len(state.files)) == (1, 1)
    assert any(kind == "resumed" for kind, _ in heard)


def test_a_wish_to_stop_cancels_at_the_vendor(vendor: tuple[Vendor, str], job: Make) -> None:
    state, _ = vendor
    state.looks_until_done = 99
    made, _ = job(lambda: True)
    (made.folder / "stop").write_text("checkpoint\n")
    assert not method.train(made).finished
    assert state.jobs["ftjob-1"]["status"] == "cancelled"


def test_a_failed_job_says_why(vendor: tuple[Vendor, str], job: Make) -> None:
    state, _ = vendor
    state.fails_with = "row 7 is not allowed"
    made, _ = job()
    with pytest.raises(CouldNotError, match="row 7 is not allowed"):
        method.train(made)


def test_a_refusal_is_not_repeated(vendor: tuple[Vendor, str], job: Make) -> None:
    state, _ = vendor
    state.faults = [("POST", "/fine_tuning/jobs", "400")]
    made, _ = job()
    with pytest.raises(CouldNotError, match=r"refuses \(400\)"):
        method.train(made)
    assert sum(request.startswith("POST /v1/fine_tuning/jobs") for request in state.requests) == 1


def test_events_that_cannot_be_read_do_no_harm(vendor: tuple[Vendor, str], job: Make) -> None:
    state, _ = vendor
    create = state.create

    def with_odd_events(asked: dict[str, Any]) -> dict[str, Any]:
        made = create(asked)
        odd = {"object": "fine_tuning.job.event", "level": None}
        state.events[made["id"]] += [odd, {**event(1, "x"), "data": "text"}, event(1, "y", {"step": "one"})]
        return made

    state.create = with_odd_events  # type: ignore[method-assign]
    made, heard = job()
    assert method.train(made).finished
    assert any(fields.get("text") == "an event that cannot be read" for _, fields in heard)


def test_a_vendor_that_never_answers_loses_nothing(vendor: tuple[Vendor, str], job: Make) -> None:
    state, _ = vendor
    state.faults = [("GET", "/events", "503")] * 6
    made, _ = job()
    with pytest.raises(CouldNotError, match="does not answer"):
        method.train(made)
    again, _ = job()
    assert method.train(again).finished
    assert len(state.jobs) == 1


def test_no_key(vendor: tuple[Vendor, str], job: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNING_API_KEY")
    made, _ = job()
    with pytest.raises(MissingPartError, match="no key"):
        method.train(made)


def test_the_key_is_nowhere_on_disk(vendor: tuple[Vendor, str], job: Make, tmp_path: Path) -> None:
    made, _ = job()
    method.train(made)
    assert not any(b"not-a-secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_every_vendor_file_is_complete() -> None:
    assert {"openai", "azure", "compatible"} <= set(vendors())
    for name, known in vendors().items():
        assert (known.id, known.fewest_rows > 0, bool(known.source)) == (name, True, True)
    with pytest.raises(AdvisorError, match="unknown vendor"):
        method.vendor_of("acme")
