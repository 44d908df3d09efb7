"""Doing it: data preparation, methods, supervised runs, evaluation. Heavy libraries are imported in functions only."""
