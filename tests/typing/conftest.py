"""What is collected here: tests, and not the program that the type checkers read."""

from __future__ import annotations

collect_ignore = ["client.py"]  # as it is imported, it enters an operation into the table
