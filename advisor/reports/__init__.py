"""Reports: sections (one file each) say what is shown; renderers write HTML, Markdown, JSON, tables, pictures, text."""
