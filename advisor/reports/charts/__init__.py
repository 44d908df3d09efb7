"""Charts: as plotly figures (pages and pictures) and as plain text (terminals)."""
