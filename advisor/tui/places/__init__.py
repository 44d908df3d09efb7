"""The six places of the terminal interface, one module each."""
