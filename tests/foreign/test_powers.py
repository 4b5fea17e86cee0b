"""How a power reads whose number does not follow from its operand."""

from __future__ import annotations

from helpers.engines import lecture

from micrograd import Value, trace, tree


def test_a_power_whose_number_does_not_fit_is_written_as_a_power():
    def power(number, symbol, label=""):
        x, z = lecture.Value(-14.0, label=label), lecture.Value(number, (), symbol)
        z._prev = {x}
        return z

    assert str(tree(power(9.0, "**2"))).startswith("v2 = v1**2 ")
    assert "w**-1 = (-14)**-1 = 0.5" in str(trace(power(0.5, "**-1", "w")))
    assert str(tree(power(9.0, "**"))).startswith("v2 = v1**… ")  # nobody kept the exponent
    assert str(tree(Value(9.0, (Value(2.0),), "**2"))).startswith("v2 = v1**2 ")
