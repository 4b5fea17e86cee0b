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
    """Print forward, what each node sends to its operands, and the sums; returns each value's contributions."""
    t = trace(nodes["f"], names=nodes)
    print("forward")
    for line in t.forward():
        print("  " + line)

    print("backward: each local derivative, as a formula and in numbers, and what it contributes")
    for step in t:
        sender, receiver = t.graph.nodes[step.sender], t.graph.nodes[step.receiver]
        formula = t.graph.locals_of(sender)[step.position][0]
        print(f"  d{sender.name}/d{receiver.name} = {formula} = {step.local:.6f}")
        print(f"    times {sender.name}.grad {step.upstream:.6f} = {step.contribution:.6f}, sent to {receiver.name}")

    print("gradients: the sum of what was received")
    received = {name: [s.contribution for s in t if s.receiver == t.graph.node(name).index] for name in nodes}
    for name, node in nodes.items():
        terms = " + ".join(f"({c:.6f})" for c in received[name])
        merged = f" = {terms}   (used {len(received[name])} times)" if len(received[name]) > 1 else ""
        print(f"  {name:>5} = {node.data:9.6f}   {name:>5}.grad = {node.grad:9.6f}{merged}")
    return received


def main(*, seed=0, x=2.0, y=-4.0):
    """Explain x / (x + y) and (x + sigmoid(y)) / (sigmoid(x) + (x + y)**2), and check them by finite differences.

    Nothing here is random: --seed, which every demo takes, changes nothing.
    """
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
