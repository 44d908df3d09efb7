"""The lowest layer: errors, strict YAML, safe files, quantiles. Every package may import it; it imports no other."""
