"""How long a portfolio takes: random use cases with shared machines, budgets and hours, to a proven gap.

python -m benchmarks.portfolio_speed [--cases 200] [--options 100]
"""

import argparse
import time

import numpy as np

from advisor.decision.portfolio import Group, Plan, Shared, UseCase, solve_portfolio

LIMIT_SECONDS = 20.0
GAP = 0.01


def random_portfolio(cases: int, options: int, seed: int = 7) -> tuple[list[UseCase], dict[str, Group], Shared]:
    """Use cases whose options trade money, quality and shared resources; the limits bind."""
    rng = np.random.default_rng(seed)
    groups = {
        f"g{i}": Group(
            f"g{i}",
            f"group {i}",
            f"gpu{i % 3}",
            1 + i % 2,
            2,
            float(rng.uniform(2e4, 9e4)),
            float(rng.uniform(1e3, 4e3)),
            i % 2 == 0,
        )
        for i in range(12)
    }
    found = []
    for u in range(cases):
        size = float(rng.lognormal(11.0, 0.8))
        plans = []
        for o in range(options):
            quality = float(rng.beta(4, 2))
            value = size * quality
            group = f"g{rng.integers(12)}" if o % 3 == 0 else None
            tuned = o % 4 == 0
            plans.append(
                Plan(
                    option_id=f"{u}/{o}",
                    label=f"option {o}",
                    value_usd=value,
                    upfront_usd=float(rng.uniform(2e3, 3e4) * (1.5 if tuned else 0.7)),
                    quarterly_usd=tuple(float(rng.uniform(100, 3000) * (0.5 + quality)) for _ in range(4)),
                    label_hours=float(rng.uniform(20, 200)) if tuned else 0.0,
                    engineer_hours=float(rng.uniform(30, 300)),
                    group=group,
                    load=float(rng.uniform(0.05, 0.8)) if group else 0.0,
                )
            )
        found.append(UseCase(f"case {u}", tuple(plans)))
    shared = Shared(
        upfront_usd=9_000.0 * cases,
        monthly_usd=900.0 * cases,
        label_hours=15.0 * cases,
        engineer_hours=110.0 * cases,
        owned_gpus={"gpu0": 8, "gpu2": 8},
    )
    return found, groups, shared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, nargs="*", default=[50, 200, 500, 1000])
    parser.add_argument("--options", type=int, default=100)
    chosen = parser.parse_args()
    print(f"{'use cases':>10} {'options':>8} {'build s':>8} {'solve s':>8} {'CPU s':>8} {'gap':>8}  status")
    for cases in chosen.cases:
        made = random_portfolio(cases, chosen.options)
        started, busy = time.perf_counter(), time.process_time()
        result = solve_portfolio(*made, seconds=120.0, gap=GAP)
        total, busy = time.perf_counter() - started, time.process_time() - busy
        gap, solving = "-" if result.solved.gap is None else f"{result.solved.gap:.2%}", result.solved.seconds
        limit = f"  (limit for 200 use cases: {LIMIT_SECONDS:g} s)" if cases == 200 else ""
        times = f"{total - solving:>8.1f} {solving:>8.1f} {busy:>8.1f}"
        print(f"{cases:>10} {chosen.options:>8} {times} {gap:>8}  {result.solved.status}{limit}", flush=True)


if __name__ == "__main__":
    main()
