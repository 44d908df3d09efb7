"""New examples: from the logs of an API, or written by a teacher model under a budget. Both are marked machine-made."""
