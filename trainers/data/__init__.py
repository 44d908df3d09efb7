"""Examples that can be trusted: reading, checking, cleaning, splitting, reviewing and collecting them.

Everything streams: a file of a million rows takes two numbers and a sketch per row in memory, never its text.
"""
