"""How to make this report again, and what exactly was computed."""

from advisor.reports.blocks import Block, Cell, Code, Column, Paragraph, Table
from advisor.reports.context import Context

ORDER = 90
TITLE = "How to reproduce this"


def build(context: Context) -> list[Block]:
    """The command, the inputs' fingerprint and what the solver said."""
    decision = context.decision
    rows: list[list[Cell]] = [
        ["Inputs", decision.inputs_hash],
        ["Program", f"advisor {decision.advisor_version}"],
        ["Decided as of", decision.today.isoformat()],
        ["Price catalogue of", decision.prices_date.isoformat()],
        ["Samples", f"{decision.samples:,} (scrambled Sobol, seed {decision.seed})"],
        ["Options considered", f"{decision.options_considered:,}"],
    ]
    solver = decision.solver
    if solver is not None:
        gap = "not stated" if solver.gap is None else f"{solver.gap:.2%}"
        rows += [
            ["Solver", f"{solver.solver}: {solver.status}, gap {gap}, {solver.seconds:.2f} s"],
            ["Model", f"{solver.variables:,} variables, {solver.constraints:,} constraints"],
        ]
    return [
        Code(context.command),
        Paragraph("The same inputs, prices and program give the same numbers.", quiet=True),
        Table("provenance", "Provenance", [Column("what", "What"), Column("value", "Value")], rows),
    ]
