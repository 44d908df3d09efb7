"""The terminal interface (Textual): places, windows and widgets over the same core that the command line uses."""
