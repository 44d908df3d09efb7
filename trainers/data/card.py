"""The data card: where a training file comes from, what was done to it, and what is in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Card(BaseModel):
    """`<name>.card.json`. Counts are rows unless they say otherwise; None is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    created: str
    source: str
    source_sha256: str | None
    source_rows: int
    output: str
    output_sha256: str
    output_rows: int
    changes: str
    """The file that lists every dropped or changed row."""
    changes_sha256: str
    mapping: dict[str, Any]
    dropped: dict[str, int]
    changed: dict[str, int]
    changed_rows: int
    machine_made_rows: int
    groups: int | None
    median_prompt_chars: int | None
    median_answer_chars: int | None
    labels: dict[str, dict[str, int]]
    personal_data_masked: bool
    rows_with_personal_data: int
    """Rows of the source in which a pattern of personal data or a secret was found."""
    licence: str | None
    provenance: str | None

    @property
    def dropped_rows(self) -> int:
        return sum(self.dropped.values())


def card_markdown(card: Card) -> str:
    """The card for people."""
    lines = [
        f"# Data card: {card.output}",
        "",
        f"- Made {card.created} from `{card.source}` ({card.source_rows:,} rows)",
        f"- sha256 of the source: `{card.source_sha256 or 'not a file'}`",
        f"- sha256 of this file: `{card.output_sha256}` ({card.output_rows:,} rows)",
        f"- Provenance: {card.provenance or 'not stated'}",
        f"- Licence: {card.licence or 'not stated'}",
        f"- Written by a model and not reviewed: {card.machine_made_rows:,} rows",
        f"- Personal data: found in {card.rows_with_personal_data:,} rows"
        + (", masked" if card.personal_data_masked else ""),
        f"- Columns: {card.mapping['form']}, "
        + ", ".join(f"{part} from `{column}`" for part, column in card.mapping["columns"].items()),
        "",
        f"Every dropped or changed row is listed in `{card.changes}`.",
        "",
    ]
    lines += _table("Dropped", card.dropped, card.dropped_rows) + _table("Changed", card.changed, card.changed_rows)
    for name, counts in card.labels.items():
        lines += _table(f"Answers: {name or 'label'}", counts, None)
    return "\n".join(lines).rstrip() + "\n"


def _table(title: str, counts: dict[str, int], total: int | None) -> list[str]:
    if not counts:
        return [f"## {title}", "", "None.", ""]
    body = [f"| {name.replace('|', chr(92) + '|')} | {count:,} |" for name, count in counts.items()]
    end = [f"| rows in all | {total:,} |"] if total is not None else []
    return [f"## {title}", "", "| what | rows |", "|---|---:|", *body, *end, ""]
