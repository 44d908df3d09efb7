"""Windows that open above a place: help, why, details, confirmation."""
