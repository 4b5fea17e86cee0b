"""The version of the package, for files that say what wrote them."""

VERSION = "0.2.0"
