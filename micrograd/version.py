"""The version of the package, for files that say what wrote them; and the name by which pip knows it."""

VERSION = "0.2.0"
DISTRIBUTION = "micrograd-engine"  # `import micrograd`, but `pip install micrograd-engine`: setup.cfg names it too
