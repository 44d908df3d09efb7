"""Review of a random sample by a domain expert: how many rows to look at, what was said, and what it proves."""
