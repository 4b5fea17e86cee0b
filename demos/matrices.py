"""Matrix products in scalars: for Y = X W the gradients are dX = dY W' and dW = X' dY (W' is W transposed).

The rules of matrix calculus are nothing new: they are what the chain rule adds up to, one scalar at a time. The same
holds on nested lists and on NumPy arrays of Values, which multiply with `@` as any other array does.
"""

import random

import numpy as np

from micrograd import Value
from micrograd.cli import run


def matmul(A, B):
    """The product of two matrices given as lists of rows."""
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*B)] for row in A]


def transposed(A):
    return [list(column) for column in zip(*A)]


def of(attribute, A):
    """A matrix of plain numbers: the `data` or the `grad` of every Value."""
    return [[getattr(v, attribute) for v in row] for row in A]


def differ(A, B):
    """The largest difference between two matrices."""
    return max(abs(a - b) for row_a, row_b in zip(A, B) for a, b in zip(row_a, row_b))


def one_product(X, W, G):
    """Print X W, the gradient that arrives, and one number of dX = dY W', which is a row times a row."""
    x, w, dX = of("data", X), of("data", W), of("grad", X)
    for name, M in [("X", x), ("W", w), ("Y = X W", matmul(x, w)), ("dY, which arrives", G), ("dX, by backward()", dX)]:
        print(f"{name:18}" + f"\n{'':18}".join("".join(f"{number:9.4f}" for number in row) for row in M))
    terms = " + ".join(f"({g:.4f}) × ({b:.4f})" for g, b in zip(G[0], w[0]))
    print("X[0][0] enters every number of Y's first row, so its gradient is a sum: row 0 of dY times row 0 of W")
    print(f"  {terms} = {sum(g * b for g, b in zip(G[0], w[0])):.4f}; backward() gave {dX[0][0]:.4f}\n")


def main(*, seed=0):
    """Show one product in numbers, then check dX = dY W', dW = X' dY, and the same for three factors, Y = X W V."""
    rng = random.Random(seed)

    def matrix(rows, columns):
        return [[Value(rng.uniform(-1, 1)) for _ in range(columns)] for _ in range(rows)]

    differences = {}
    for kind, wrap in [("nested lists", list), ("NumPy arrays", np.array)]:
        product = matmul if kind == "nested lists" else np.matmul
        X, W, V = wrap(matrix(2, 3)), wrap(matrix(3, 4)), wrap(matrix(4, 2))

        # Y = X W. The cost sum(Y * G) has dY = G, so G is the upstream gradient.
        G = of("data", matrix(2, 4))
        Y = product(X, W)
        sum(y * g for row, upstream in zip(Y, G) for y, g in zip(row, upstream)).backward()
        if kind == "nested lists":
            one_product(X, W, G)
        differences[f"{kind}: Y = X W, dX = dY W'"] = differ(of("grad", X), matmul(G, transposed(of("data", W))))
        differences[f"{kind}: Y = X W, dW = X' dY"] = differ(of("grad", W), matmul(transposed(of("data", X)), G))

        # Y = X W V: the inner product Z = X W passes on its own gradient, dZ = dY V'.
        for v in [v for M in (X, W) for row in M for v in row]:
            v.grad = 0.0
        G = of("data", matrix(2, 2))
        Y = product(product(X, W), V)
        sum(y * g for row, upstream in zip(Y, G) for y, g in zip(row, upstream)).backward()
        x, w, v = of("data", X), of("data", W), of("data", V)
        dZ = matmul(G, transposed(v))
        differences[f"{kind}: Y = X W V, dX = dY V' W'"] = differ(of("grad", X), matmul(dZ, transposed(w)))
        differences[f"{kind}: Y = X W V, dW = X' dY V'"] = differ(of("grad", W), matmul(transposed(x), dZ))
        differences[f"{kind}: Y = X W V, dV = (X W)' dY"] = differ(of("grad", V), matmul(transposed(matmul(x, w)), G))

    for claim, difference in differences.items():
        print(f"{claim:42} largest difference {difference:.1e}")
    print("So the rules of matrices are the chain rule, entry by entry.")
    return differences


if __name__ == "__main__":
    run(main)
