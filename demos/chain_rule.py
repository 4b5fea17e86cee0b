"""The chain rule on two expressions: every value, every gradient, and the sums where branches meet.

Backward starts with a gradient of 1 at the result. Each node then sends every operand its local derivative times
its own gradient. An operand that is used more than once receives several such contributions: they add up.
"""

from micrograd import Value, sigmoid, topological_order
from micrograd.check import check_grads
from micrograd.cli import run
from micrograd.engine import local_derivatives
from micrograd.text import derivative_formulas


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


def explain(root):
    """Print the forward pass, then what each node sends to its operands, then the sums."""
    order = topological_order(root)
    print("forward")
    for node in order:
        operands = [p.label for p in node._prev]
        print(f"  {node.label:>5} = {node.data:9.6f}" + (f"   {node._operation.formula(operands)}" if operands else ""))

    print("backward")
    received = {node: [] for node in order}
    for node in reversed(order):
        formulas = derivative_formulas(node._operation, [p.label for p in node._prev]) if node._prev else ()
        for operand, local, formula in zip(node._prev, local_derivatives(node), formulas):
            received[operand].append(local * node.grad)
            print(
                f"  {node.label} -> {operand.label}:  d{node.label}/d{operand.label} = {formula} = {local:.6f}, "
                f"times {node.label}.grad {node.grad:.6f} = {local * node.grad:.6f}"
            )

    print("gradients")
    for node in order:
        terms = " + ".join(f"({c:.6f})" for c in received[node])
        merged = f" = {terms}   (used {len(received[node])} times)" if len(received[node]) > 1 else ""
        print(f"  {node.label:>5}.grad = {node.grad:9.6f}{merged}")
    return received


def main(*, seed=0, x=2.0, y=-4.0):
    """Explain x / (x + y) and (x + sigmoid(y)) / (sigmoid(x) + (x + y)**2), and check them by finite differences.

    Nothing here is random: --seed is taken, as by every demo, and changes nothing.
    """
    results = {}
    for expression in (quotient, with_sigmoids):
        print(f"\n{expression.__doc__.split(',')[0]} at x = {x}, y = {y}")
        nodes = expression(Value(x), Value(y))
        for name, node in nodes.items():
            node.label = name
        nodes["f"].backward()
        received = explain(nodes["f"])
        print(check_grads(lambda x, y, f=expression: f(x, y)["f"], (x, y)))
        results[expression.__name__] = (nodes, received)
    return results


if __name__ == "__main__":
    run(main)
