"""What things cost: a dated price catalogue with sources, and the memory, time, latency and cash-flow formulas."""
