"""Export a trained model (adapter, merged, Ollama, vLLM, transformers) and check it against what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import CouldNotError, UsageError
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from trainers.runs.client import RunView

_PROMPTS = 16


@click.command()
@click.argument("run", required=False)
@click.option("--to", "target", type=click.Path(path_type=Path), help="Folder (default: exports/RUN in the project).")
@click.option("--no-merge", is_flag=True, help="Leave the merged model out.")
@click.option("--dtype", type=click.Choice(["bf16", "fp32"]), default="bf16", help="Numbers of the merged model.")
@click.option(
    "--gguf", type=click.Choice(["f32", "f16", "bf16", "q8_0"]), help="Also write GGUF, by llama.cpp's converter."
)
@click.option("--prompts", type=click.IntRange(1, 1000), default=_PROMPTS, help="Prompts of the parity check.")
@click.option("--max-new-tokens", type=click.IntRange(1, 4096), default=128, help="Longest answer in the check.")
@click.option("--served-url", help="Also compare a running server (OpenAI protocol), for example .../v1.")
@click.option("--served-name", help="The model's name at that server (default: the run's).")
@common_options
def command(
    options: Options,
    run: str | None,
    target: Path | None,
    no_merge: bool,
    dtype: str,
    gguf: str | None,
    prompts: int,
    max_new_tokens: int,
    served_url: str | None,
    served_name: str | None,
) -> int:
    """Write the model of RUN (default: the newest) with serving commands and a model card, and compare its answers.

    Exit code 1 when an exported form answers differently from the trained model.
    """
    from advisor.project import Project
    from trainers.runs import client
    from trainers.runs.look import in_child

    project = Project.open(options.project)
    found = client.find(project.folder, run)
    artefact = _artefact(found)
    if gguf is not None:
        _check_gguf(no_merge)
    folder = (target or project.folder / "exports" / found.id).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    talk(f"exporting {found.id} to {folder}; comparing {prompts} answers ...")
    exported = in_child(
        "trainers.models.export",
        {
            "artefact": str(artefact.resolve()),
            "target": str(folder),
            "merge": not no_merge,
            "dtype": dtype,
            "gguf": gguf,
            **_questions(project.folder, found, prompts),
            "max_new_tokens": max_new_tokens,
            "served_url": served_url,
            "served_name": served_name or found.id,
        },
    )
    _write_texts(folder, found, exported, project.folder)
    return _tell(folder, found.id, exported, options)


def _check_gguf(no_merge: bool) -> None:
    """Before minutes of work: is there a converter, and something to convert?"""
    from trainers.models.gguf import converter

    if no_merge:
        raise UsageError("GGUF is made of the merged model", fix="leave --no-merge or --gguf out")
    converter()


def _artefact(run: RunView) -> Path:
    if run.result is None or run.result.artefact is None:
        raise CouldNotError(f"nothing to export: the run is {run.state}", where=run.id, fix="let it finish first")
    if run.spec.method == "encoder":
        raise UsageError(
            "an encoder needs no export: its folder is loaded as it is",
            where=str(run.folder / run.result.artefact),
            fix="from trainers.models.encoder import load_encoder; load_encoder(FOLDER).answer([TEXT])",
        )
    if run.spec.method == "api_tuning":
        from trainers.methods.api_tuning import read_tuned

        name = read_tuned(run.folder / run.result.artefact)
        raise UsageError(f"the vendor keeps and serves this model, as {name}", where=run.id, fix="call it by that name")
    return run.folder / run.result.artefact


def _questions(project: Path, run: RunView, count: int) -> dict[str, Any]:
    """Prompts to try and the tools of each: of the test set where there is one, else of the training rows."""
    from trainers.methods.shared.examples import read_rows

    test = project / "data" / "test.jsonl"
    path = test if test.is_file() else project / run.spec.data.path
    rows = read_rows(path)[:count]
    return {"prompts": [list(row.messages[:-1]) for row in rows], "tools": [list(row.tools) for row in rows]}


def _write_texts(folder: Path, run: RunView, exported: dict[str, Any], project: Path) -> None:
    from advisor.base.files import dump_json, replace_file
    from trainers.models.deploy import model_card, modelfile, serving_notes

    whole = next((form for form in exported["forms"] if form in ("merged", "model")), None)
    if whole:
        source = "gguf/model.gguf" if "gguf" in exported["forms"] else whole
        replace_file(folder / "Modelfile", modelfile(exported, source))
    replace_file(folder / "SERVING.md", serving_notes(exported, run.spec, run.id, folder))
    replace_file(folder / "README.md", model_card(run.spec, run.result, exported, _evaluations(project, run.id)))
    replace_file(folder / "parity.json", dump_json({"v": 1, "parity": exported["parity"]}, indent=1) + "\n")


def _evaluations(project: Path, run: str) -> list[dict[str, Any]]:
    """Results of evaluations that name the run."""
    from advisor.base.errors import InvalidDataError
    from advisor.base.files import parse_json, read_text

    found = []
    for path in sorted((project / "evaluations").glob("*/*.json")):
        try:
            value = parse_json(read_text(path), where=str(path))
        except InvalidDataError:
            continue
        if isinstance(value, dict) and value.get("run") == run:
            found.append(value)
    return found


def _tell(folder: Path, run: str, exported: dict[str, Any], options: Options) -> int:
    problems = [f"{p['form']}: {problem}" for p in exported["parity"] for problem in p["problems"]]
    if options.json:
        kept = {"v": 1, "run": run, "folder": str(folder), "forms": exported["forms"], "parity": exported["parity"]}
        emit_json(kept)
    else:
        for parity in exported["parity"]:
            emit(parity["in_words"])
        emit(f"how to serve it: {folder / 'SERVING.md'}")
    if problems:
        raise CouldNotError(
            "the export does not answer as the trained model does: " + "; ".join(problems),
            where=str(folder / "parity.json"),
            fix="serve the adapter on its base, or export with --dtype fp32",
        )
    return 0
