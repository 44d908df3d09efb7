"""The adviser: project folder, interview, decision, reports, command line and terminal interface."""

__version__ = "0.1.0"
