"""From a decision to a report: every module in `advisor.reports.sections` is a section, in the order it names.

A section module has `ORDER` (int), `TITLE` (str) and `build(context) -> list[Block]`; its file name is the section's
id. A section that yields nothing is left out.
"""

import importlib
import pkgutil
from types import ModuleType

from advisor.reports import sections
from advisor.reports.blocks import Report, Section
from advisor.reports.context import Context


def section_modules() -> list[ModuleType]:
    """The section modules found on disk, in report order."""
    names = (found.name for found in pkgutil.iter_modules(sections.__path__))
    modules = [importlib.import_module(f"{sections.__name__}.{name}") for name in names if not name.startswith("_")]
    return sorted(modules, key=lambda module: (module.ORDER, module.__name__))


def build_report(context: Context) -> Report:
    """All sections that have something to say about this decision."""
    built: list[Section] = []
    for module in section_modules():
        blocks = module.build(context)
        if blocks:
            built.append(Section(module.__name__.rsplit(".", 1)[-1], module.TITLE, blocks))
    decided, prices = context.decision.today.isoformat(), context.prices_date.isoformat()
    return Report(
        title=context.project,
        subtitle=f"Decision of {decided}, prices no older than {prices}",
        headline=f"{context.decision.verdict.value.replace('_', ' ')}: {context.decision.headline}",
        sections=built,
        banner=stale_prices_warning(context),
    )


def stale_prices_warning(context: Context) -> str | None:
    """What every page says when the prices are older than the stated age."""
    if not context.prices_are_stale:
        return None
    return (
        f"Prices of {context.prices_date.isoformat()} are {context.price_age_days} days old, more than the "
        f"{context.max_price_age_days} days this report allows. Check them before you act on these figures."
    )
