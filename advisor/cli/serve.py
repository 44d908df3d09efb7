"""Serve a run's model (or a base) over the OpenAI protocol, on this machine only."""

from __future__ import annotations

import ipaddress
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import UsageError
from advisor.cli.common import Options, common_options, talk

if TYPE_CHECKING:
    from trainers.evaluation.server import ServeJob


@click.command()
@click.option("--run", help="Serve what this run made.")
@click.option("--model", help="Serve a base: a packaged model, a local folder or a hub id.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--key-env", help="Environment variable with the key that requests must carry.")
@common_options
def command(options: Options, run: str | None, model: str | None, host: str, port: int, key_env: str | None) -> int:
    """Answer /v1/chat/completions until interrupted; the URL goes to stdout once the model is loaded.

    For a trial, an evaluation (`advisor evaluate --endpoint NAME=URL`) or a parity check; one answer at a time.
    """
    if (run is None) == (model is None):
        raise UsageError("name what to serve", fix="advisor serve --run RUN, or --model smollm2-135m")
    if key_env is None and not _loopback(host):
        raise UsageError(
            f"listening on {host} lets others use the model", fix="ask for a key: --key-env NAME, or leave --host out"
        )
    job = _job(options, run, model, host, port, key_env)
    talk(f"loading {job.name} ...")
    return _serve(job.model_dump_json())


def _job(options: Options, run: str | None, model: str | None, host: str, port: int, key_env: str | None) -> ServeJob:
    from advisor.base.errors import require
    from trainers.evaluation.server import ServeJob
    from trainers.models.local import resolve

    require("torch", "train")
    require("transformers", "train")
    shared: dict[str, Any] = {"host": host, "port": port, "key_variable": key_env, "as_json": options.json}
    if run is None:
        assert model is not None
        resolve(model)
        return ServeJob(name=model, model=model, **shared)
    from advisor.cli._evaluation import trained_weights
    from advisor.project import Project
    from trainers.runs.client import find

    found = find(Project.open(options.project).folder, run)
    return ServeJob(name=found.id, model=found.spec.model, artefact=str(trained_weights(found)), **shared)


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _serve(job: str) -> int:
    """Run the child until it ends; it holds torch, and ends when we do."""
    from trainers.evaluation.child import environment

    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "trainers.evaluation.server", job],
        stdin=subprocess.PIPE,
        env=environment(),
    )
    before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        code = child.wait()
    except KeyboardInterrupt:
        child.terminate()
        code = child.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.stdin is not None:
            child.stdin.close()
    return code if code >= 0 else 1
