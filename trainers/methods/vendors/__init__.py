"""Vendors that tune models: one YAML file each; how they are spoken to is a module in `protocols/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from advisor.base.errors import UsageError


class Vendor(BaseModel):
    """How to reach a vendor and what it takes. `service` is its entry in the price catalogue (prices, dates)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    service: str | None
    protocol: Literal["openai", "together", "fireworks"] = "openai"
    base_url: str | None
    """None: the customer has an address of their own; it must be given."""
    key_variable: str
    """Environment variable that holds the key; the key itself is never stored."""
    account_variable: str | None = None
    """Environment variable with the customer's name, where addresses contain it."""
    learning_rate: Literal["multiplier", "absolute"] = "multiplier"
    """Whether one may set a multiple of the vendor's own learning rate or the rate itself."""
    fewest_rows: int
    most_bytes: int
    default_epochs: int
    source: str
    checked: str


@cache
def vendors() -> dict[str, Vendor]:
    """Every vendor by id."""
    from advisor.base.yamlfile import load_model

    found = [load_model(path, Vendor) for path in sorted(Path(__file__).parent.glob("*.yaml"))]
    return {vendor.id: vendor for vendor in found}


def vendor_of(name: str) -> Vendor:
    """The vendor called `name`. Raises `UsageError` for an unknown one."""
    known = vendors()
    if name not in known:
        raise UsageError(f"unknown vendor {name!r}", fix="use one of " + ", ".join(known))
    return known[name]
