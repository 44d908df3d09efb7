"""The lowest layer: errors, strict YAML, safe files and quantiles. Every other package may import it; it imports none of them."""
