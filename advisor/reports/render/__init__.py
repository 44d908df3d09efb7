"""Renderers: from blocks to HTML, Markdown, JSON, CSV and plain text."""
