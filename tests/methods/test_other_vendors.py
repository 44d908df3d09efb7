"""Together and Fireworks in their own protocols, against local servers that misbehave on demand."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from advisor.base.errors import AdvisorError, CouldNotError
from trainers.methods import api_tuning as method
from trainers.methods.api_tuning import Settings, read_tuned
from trainers.methods.shared.job import Job
from trainers.methods.vendors.protocols.together import suffix_of
from trainers.runs.plan import data_file
from trainers.runs.spec import RunSpec

pytest.importorskip("openai")
Answer = tuple[int, Any]
Heard = list[tuple[str, dict[str, Any]]]
MISSING: Answer = (404, {"error": {"message": "not found"}})


class Server:
    """A vendor in memory. `faults` are (verb, part of the path, fault); each is served once."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.uploaded: list[bytes] = []
        self.faults: list[tuple[str, str, str]] = []
        self.fails_with: str | None = None
        self.looks_until_done = 2

    def answer(self, verb: str, path: str, query: str, body: bytes) -> Answer:
        raise NotImplementedError


class Together(Server):
    """`/files/upload`, `/fine-tunes`, events, metrics, checkpoints, cancel; rows and fields as in its reference."""

    def answer(self, verb: str, path: str, query: str, body: bytes) -> Answer:
        if (verb, path) == ("POST", "/v1/files/upload"):
            assert b'name="file_type"' in body
            self.uploaded.append(body)
            return 200, {"id": f"file-{len(self.uploaded)}", "object": "file", "purpose": "fine-tune"}
        if (verb, path) == ("POST", "/v1/fine-tunes"):
            return 200, self.create(json.loads(body))
        if (verb, path) == ("GET", "/v1/fine-tunes"):
            return 200, {"data": list(self.jobs.values())}
        known = re.fullmatch(r"/v1/fine-tunes/([^/]+)/?(\w*)", path)
        return self.of_job(verb, self.jobs[known[1]], known[2]) if known else MISSING

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = f"ft-{len(self.jobs) + 1}"
        output = f"me/{asked['model'].split('/')[-1]}-{asked['suffix']}-0a1b"
        self.jobs[name] = {"id": name, "status": "pending", "model_output_name": output, "looks": 0, "asked": asked}
        return self.jobs[name]

    def of_job(self, verb: str, job: dict[str, Any], part: str) -> Answer:
        done = job["looks"]
        if part == "cancel":
            job["status"] = "cancelled"
        elif part == "events":
            started = {"object": "fine-tune-event", "created_at": "t0", "type": "job_start", "message": "Job started"}
            late = {"object": "fine-tune-event", "created_at": "t9", "type": "epoch_complete", "message": "Epoch done"}
            return 200, {"data": [started, late][: 1 + (done > 0)]}
        elif part == "metrics":
            rows = [{"train/global_step": float(i), "train/loss": 1.0 / i} for i in range(1, done + 1)]
            return 200, {"metrics": rows}
        elif part == "checkpoints":
            return 200, {"data": [{"step": 2, "path": f"{job['model_output_name']}:2", "created_at": "t"}]}
        elif verb == "GET":
            job["looks"] += 1
            if job["looks"] >= self.looks_until_done and job["status"] in ("pending", "running"):
                job["status"] = "error" if self.fails_with else "completed"
                if self.fails_with:
                    job["events"] = [{"type": "job_error", "message": self.fails_with}]
                job["token_count"] = 4321
            elif job["status"] == "pending":
                job["status"] = "running"
        return 200, job


class Fireworks(Server):
    """Datasets and supervisedFineTuningJobs of the account `me`; the id of a job is the customer's choice."""

    def __init__(self) -> None:
        super().__init__()
        self.datasets: dict[str, dict[str, Any]] = {}

    def answer(self, verb: str, path: str, query: str, body: bytes) -> Answer:
        place = path.removeprefix("/v1/accounts/me/")
        if (verb, place) == ("POST", "datasets"):
            asked = json.loads(body)
            if asked["datasetId"] in self.datasets:
                return 409, {"error": {"message": "already exists"}}
            self.datasets[asked["datasetId"]] = {**asked["dataset"], "state": "UPLOADING"}
            return 200, self.datasets[asked["datasetId"]]
        if place.startswith("datasets/"):
            name, _, act = place.removeprefix("datasets/").partition(":")
            if act == "upload":
                self.uploaded.append(body)
                self.datasets[name]["state"] = "READY"
            return 200, self.datasets[name]
        if (verb, place) == ("POST", "supervisedFineTuningJobs"):
            return self.create(query.removeprefix("supervisedFineTuningJobId="), json.loads(body))
        name, _, act = place.removeprefix("supervisedFineTuningJobs/").partition(":")
        return self.of_job(self.jobs[name], act) if name in self.jobs else MISSING

    def create(self, name: str, asked: dict[str, Any]) -> Answer:
        if name in self.jobs:
            return 409, {"error": {"message": "already exists"}}
        self.jobs[name] = {**asked, "name": f"accounts/me/supervisedFineTuningJobs/{name}", "looks": 0, "asked": asked}
        self.jobs[name]["state"] = "JOB_STATE_CREATING"
        return 200, self.jobs[name]

    def of_job(self, job: dict[str, Any], act: str) -> Answer:
        if act == "cancel":
            job["state"] = "JOB_STATE_CANCELLED"
            return 200, {}
        job["looks"] += 1
        job["jobProgress"] = {"percent": min(100, 20 * job["looks"]), "epoch": 0}
        if job["state"] in ("JOB_STATE_CREATING", "JOB_STATE_RUNNING"):
            done = job["looks"] >= 2 * self.looks_until_done  # asked twice a round: progress, state
            job["state"] = "JOB_STATE_RUNNING"
            if done:
                job["state"] = "JOB_STATE_FAILED" if self.fails_with else "JOB_STATE_COMPLETED"
                job["status"] = {"code": "INVALID_ARGUMENT", "message": self.fails_with} if self.fails_with else {}
        return 200, job


class Handler(BaseHTTPRequestHandler):
    """HTTP around a `Server`, with faults."""

    server_state: Server

    def _serve(self, verb: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        fault = self._fault(verb, path)
        if fault in ("drop", "do and drop"):
            if fault == "do and drop":
                self.server_state.answer(verb, path, query, body)
            self.close_connection = True
            self.connection.close()
        elif fault == "no json":
            self._send(200, b"<html>")
        elif fault == "odd":
            self._send(200, b"[1, 2]")
        elif fault:
            self._send(int(fault), json.dumps({"error": {"message": f"status {fault}"}}).encode())
        else:
            status, value = self.server_state.answer(verb, path, query, body)
            self._send(status, json.dumps(value).encode())

    def _fault(self, verb: str, path: str) -> str | None:
        faults = self.server_state.faults
        for place, (wanted, part, fault) in enumerate(faults):
            if wanted == verb and part in path:
                del faults[place]
                return fault
        return None

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


KINDS: dict[str, tuple[type[Server], str]] = {"together": (Together, "/v1"), "fireworks": (Fireworks, "")}


class Place:
    """A running server and runs that use it."""

    def __init__(self, name: str, state: Server, url: str, folder: Path) -> None:
        self.name, self.state, self.url, self.folder = name, state, url, folder

    def job(self, should_stop: Callable[[], bool] = lambda: False, **more: Any) -> tuple[Job, Heard]:
        data = self.folder / "data" / "train.jsonl"
        if not data.exists():
            data.parent.mkdir()
            rows = ({"id": i, "prompt": f"q{i}", "completion": "a", "note": "ours"} for i in range(20))
            data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        settings = Settings(vendor=self.name, base_url=self.url, poll_s=0.01, **more)
        run = self.folder / "runs" / "Run_1"
        run.mkdir(parents=True, exist_ok=True)
        spec = RunSpec(
            id="Run_1",
            method="api_tuning",
            model="org/Base-8B",
            data=data_file(self.folder, data),
            settings=settings.model_dump(),
            created="2026-11-25",
        )
        heard: Heard = []
        return Job(spec, run, lambda kind, **fields: heard.append((kind, fields)), should_stop), heard


@pytest.fixture(params=list(KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in ("TOGETHER_API_KEY", "FIREWORKS_API_KEY"):
        monkeypatch.setenv(name, "not-a-secret")
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "me")
    monkeypatch.setattr(method, "_FIRST_WAIT_S", 0.01)
    kind, base = KINDS[request.param]
    state = kind()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"server_state": state})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Place(request.param, state, f"http://127.0.0.1:{server.server_address[1]}{base}", tmp_path)
        server.shutdown()
        thread.join()


def creation(place: Place) -> str:
    return "/fine-tunes" if place.name == "together" else "/supervisedFineTuningJobs"


def test_from_rows_to_a_tuned_model(place: Place) -> None:
    made, heard = place.job(epochs=2, learning_rate=1e-4, rank=16)
    outcome = method.train(made)
    assert outcome.finished
    (sent,) = place.state.uploaded
    assert b'{"messages": [{"role": "user", "content": "q0"}' in sent
    assert b"ours" not in sent
    ((own, job),) = place.state.jobs.items()
    tuned = read_tuned(made.folder / str(outcome.artefact))
    asked = job["asked"]
    if place.name == "together":
        assert (asked["model"], asked["training_file"], asked["n_epochs"]) == ("org/Base-8B", "file-1", 2)
        assert (asked["learning_rate"], asked["training_type"]["lora_r"]) == (1e-4, 16)
        assert asked["training_method"] == {"method": "sft", "train_on_inputs": "auto"}
        assert (tuned, outcome.measured.tokens) == (job["model_output_name"], 4321)
        kept = json.loads((made.folder / "vendor" / "model.json").read_text())["checkpoints"]
        assert kept == [{"model": f"{tuned}:2", "step": 2, "held_out_loss": None}]
        steps = [fields["step"] for kind, fields in heard if kind == "step"]
        assert steps == [1, 2]
        assert sum(fields.get("text") == "Epoch done" for kind, fields in heard if kind == "vendor") == 1
    else:
        assert re.fullmatch(r"run-1-[0-9a-f]{12}", own)
        assert (asked["baseModel"], asked["dataset"]) == ("org/Base-8B", f"accounts/me/datasets/{own}")
        assert (asked["epochs"], asked["learningRate"], asked["loraRank"]) == (2, 1e-4, 16)
        assert tuned == f"accounts/me/models/{own}"
        assert any("% of epoch 0" in fields.get("text", "") for kind, fields in heard)


@pytest.mark.parametrize("fault", ["429", "500", "drop", "no json"])
@pytest.mark.parametrize("where", [("POST", "upload"), ("GET", "/1")])
def test_trouble_on_the_way_is_waited_out(place: Place, fault: str, where: tuple[str, str]) -> None:
    verb, part = where
    if part == "/1":
        part = "/fine-tunes/ft-1" if place.name == "together" else "/supervisedFineTuningJobs/run-1"
    place.state.faults = [(verb, part, fault)]
    made, _ = place.job()
    assert method.train(made).finished
    assert place.state.faults == []
    assert len(place.state.jobs) == 1


@pytest.mark.parametrize("fault", ["429", "500", "drop", "do and drop", "odd"])
def test_an_order_is_never_paid_twice(place: Place, fault: str) -> None:
    place.state.faults = [("POST", creation(place), fault)]
    made, _ = place.job()
    assert method.train(made).finished
    assert len(place.state.jobs) == 1


def test_a_lost_run_finds_its_job_again(place: Place) -> None:
    place.state.looks_until_done = 5
    made, _ = place.job(lambda: True)  # the supervisor is gone: stop, but leave the job alone
    assert not method.train(made).finished
    (made.folder / method.STATE).unlink()  # and even what was written down is lost
    again, _ = place.job()
    assert method.train(again).finished
    assert len(place.state.jobs) == 1


def test_a_wish_to_stop_cancels_at_the_vendor_and_resuming_orders_anew(place: Place) -> None:
    place.state.looks_until_done = 9
    made, _ = place.job(lambda: True)
    (made.folder / "stop").write_text("checkpoint\n")
    assert not method.train(made).finished
    (made.folder / "stop").unlink()
    (job,) = place.state.jobs.values()
    assert "CANCELLED" in str(job.get("state") or job.get("status")).upper()
    again, _ = place.job()
    assert method.train(again).finished
    assert len(place.state.jobs) == 2


def test_a_failed_job_says_why_and_a_refusal_is_not_repeated(place: Place) -> None:
    place.state.fails_with = "row 7 is not allowed"
    made, _ = place.job()
    with pytest.raises(CouldNotError, match="row 7 is not allowed"):
        method.train(made)
    place.state.faults = [("POST", creation(place), "400")]
    again, _ = place.job()
    with pytest.raises(CouldNotError, match=r"refuses \(400\)"):
        method.train(again)
    assert len(place.state.jobs) == 1


def test_what_a_vendor_does_not_know_is_refused_before_anything_leaves(place: Place, tmp_path: Path) -> None:
    made, _ = place.job(learning_rate_multiplier=2.0)
    seen = method.look(made.spec, tmp_path)
    assert [refusal["code"] for refusal in seen.refusals] == ["unknown_setting"]
    assert "learning_rate=" in seen.refusals[0]["ways_out"][0]


def test_fireworks_needs_an_account(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIREWORKS_ACCOUNT_ID")
    made, _ = place.job()
    if place.name == "together":
        assert method.train(made).finished
        return
    assert any("FIREWORKS_ACCOUNT_ID" in text for text in method.look(made.spec, tmp_path).warnings)
    with pytest.raises(AdvisorError, match="account"):
        method.train(made)


def test_a_suffix_tells_runs_apart_and_is_short_enough() -> None:
    long = "lora-a-very-long-name-of-a-run-that-does-not-end-1-" + "0" * 12
    assert len(suffix_of(long)) <= 40
    assert suffix_of(long) != suffix_of(long + "1")
