"""Measuring answers: metrics, paired statistics, generation by a model or over an OpenAI-compatible endpoint."""
