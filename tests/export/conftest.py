"""What all tests of exported nets may ask for."""

from helpers.compiled_c import compiled  # noqa: F401  (a fixture)
