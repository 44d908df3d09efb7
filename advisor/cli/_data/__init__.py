"""The commands below `advisor data`, one module each."""
