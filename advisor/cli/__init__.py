"""The command line. Each module here that is not `main` or `common` is one command, found by its file name."""
