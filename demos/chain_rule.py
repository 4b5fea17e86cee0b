"""The chain rule on two expressions: every value, every gradient, and the sums where branches meet.

Backward starts with a gradient of 1 at the result. Each node then sends every operand its local derivative times
its own gradient. An operand that is used more than once receives several such contributions: they add up.
"""

from micrograd import Value, check_grads, sigmoid, trace
from micrograd.cli import run


def quotient(x, y):
    """x / (x + y), step by step."""
    s = x + y
    f = x / s
    return {"x": x, "y": y, "s": s, "f": f}


def with_sigmoids(x, y):
    """(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2), step by step."""
    sig_y = sigmoid(y)
    num = x + sig_y
    sig_x = sigmoid(x)
    xpy = x + y
    sq = xpy**2
    den = sig_x + sq
    f = num / den
    return {"x": x, "y": y, "sig_y": sig_y, "num": num, "sig_x": sig_x, "xpy": xpy, "sq": sq, "den": den, "f": f}


def explain(nodes):
    """Print forward, and what each node sends to its operands; then why the inputs have their gradients."""
    t = trace(nodes["f"], names=nodes)
    print(t)
    print("why: each gradient is the sum over all paths to f of the products of the local derivatives along them")
    for name in ("x", "y"):
        print(t.why(name))
    return {name: [step.contribution for step in t.received(t.graph.node(name).index)] for name in nodes}


def main(*, x=2.0, y=-4.0):
    """Explain x / (x + y) and (x + sigmoid(y)) / (sigmoid(x) + (x + y)**2), and check them by finite differences."""
    results = {}
    for expression in (quotient, with_sigmoids):
        print(f"\n{expression.__doc__.removesuffix(', step by step.')} at x = {x}, y = {y}")
        nodes = expression(Value(x), Value(y))
        nodes["f"].backward()
        results[expression.__name__] = (nodes, explain(nodes))
        print(check_grads(lambda x, y, f=expression: f(x, y)["f"], (x, y)))
    return results


if __name__ == "__main__":
    run(main)
