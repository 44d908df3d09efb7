"""From the command line to the servers that an evaluation asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.base.errors import UsageError
from advisor.cli.common import Options, talk

if TYPE_CHECKING:
    from trainers.evaluation.spec import CandidateSpec


def endpoint_candidates(options: Options, given: dict[str, Any]) -> tuple[CandidateSpec, ...]:
    """The servers that were named; takes their options out of `given`. Raises `UsageError`."""
    from trainers.evaluation.spec import CandidateSpec

    urls = named(given.pop("endpoints"), "--endpoint vllm=http://127.0.0.1:8000/v1")
    models, keys, ids = (_by_name(given.pop(option), urls, option) for option in ("served", "key_env", "priced_as"))
    return tuple(
        CandidateSpec(
            name=name,
            endpoint=_checked_url(url),
            served_model=models.get(name),
            key_variable=keys.get(name),
            **_priced(options, ids.get(name)),
        )
        for name, url in urls.items()
    )


def named(texts: tuple[str, ...], example: str) -> dict[str, str]:
    """NAME=SOMETHING, in the given order. Raises `UsageError`."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if not equals or not name.strip() or not rest or "/" in name:
            kind = "NAME=URL" if "://" in example else "NAME=FILE"
            raise UsageError(f"{text!r} is not {kind}", fix=f"write for example {example}")
        if name.strip() in found:
            raise UsageError(f"two candidates are called {name.strip()!r}", fix="give each a name of its own")
        found[name.strip()] = rest
    return found


def _by_name(texts: tuple[str, ...], urls: dict[str, str], option: str) -> dict[str, str]:
    """VALUE when there is one endpoint, else NAME=VALUE."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if equals and name in urls:
            found[name] = rest
        elif len(urls) == 1:
            found[next(iter(urls))] = text
        else:
            flag = {"served": "--model-name"}.get(option, f"--{option.replace('_', '-')}")
            raise UsageError(f"{flag} {text!r} belongs to no endpoint", fix=f"write {flag} NAME={text}")
    return found


def _checked_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is not the address of a server", fix="write for example http://127.0.0.1:8000/v1")
    return url


def _priced(options: Options, id: str | None) -> dict[str, Any]:
    """Catalogue id, approach and today's standard prices."""
    if id is None:
        return {}
    from advisor.project import Project, is_project
    from pricing.catalogue import load_catalogue

    catalogue = Project.open(options.project).catalogue if is_project(options.project) else load_catalogue()
    entry = catalogue.models.get(id)
    if entry is None:
        raise UsageError(f"the price catalogue has no model {id!r}", fix="advisor prices list models")
    found: dict[str, Any] = {"catalogue_model": id, "approach": "prompting", "training": "none"}
    taken, given_back = (entry.price(f"{side}_usd_per_mtok", options.today) for side in ("input", "output"))
    if taken is None or given_back is None:
        talk(f"{id} has no price on {options.today}: its cost stays unknown")
        return found
    return {**found, "input_usd_per_mtok": float(taken.value), "output_usd_per_mtok": float(given_back.value)}
