"""The decision engine: options, their value under uncertainty, the optimum and its explanation."""
