"""A number that a function under test imports when it runs."""

T = 2.0
