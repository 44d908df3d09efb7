"""Reports: sections (one file each) say what is shown, renderers turn it into HTML, Markdown, JSON, CSV or plain text."""
