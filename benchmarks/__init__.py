"""Timed comparisons with other engines. Never imported by the package; nothing here is asserted by a test."""
