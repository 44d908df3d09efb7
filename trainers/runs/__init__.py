"""A run is a folder and a detached supervisor: start, watch, stop, resume. Nothing here imports torch."""
