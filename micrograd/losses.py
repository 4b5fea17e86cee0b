"""Say how wrong a net is, as one number to call `backward()` on.

    >>> from micrograd import Value
    >>> from micrograd.losses import cross_entropy, mse
    >>> mse([Value(1.0), Value(3.0)], [1.0, 1.0])
    Value(data=2.0, grad=0.0)
    >>> f"{cross_entropy([Value(2.0), Value(-1.0)], 0):.4f}"
    '0.0486'

Each takes one output or a sequence of them with as many targets, and gives the mean (`half_squared_sum`: the sum).
Classifiers take scores, the net's last numbers before any sigmoid or softmax: the losses do that part themselves,
without overflow. Raises ValueError for lengths that differ and for impossible targets.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from micrograd.coerce import Recordable, is_array
from micrograd.modes import no_grad
from micrograd.ops import exp, logsumexp, relu, softplus, take
from micrograd.words import count

if TYPE_CHECKING:
    from micrograd.engine import Value
    from micrograd.kinds import Array, Scalar

    Values: TypeAlias = Value | Sequence[Value] | Sequence[Sequence[Value]]
    Numbers: TypeAlias = Scalar | Sequence[Scalar] | Sequence[Sequence[Scalar]] | Array
    Given: TypeAlias = Values | Numbers | Sequence[Value | Scalar] | Sequence[Sequence[Value | Scalar]]


@overload
def mse(outputs: Values, targets: Given) -> Value: ...
@overload
def mse(outputs: Numbers, targets: Numbers) -> float: ...
@overload
def mse(outputs: Given, targets: Given) -> Any: ...
def mse(outputs: Any, targets: Any) -> Any:
    """Mean of the squared differences."""
    return _mean(_pairwise("mse", lambda out, target: (out - target) ** 2, outputs, targets))


@overload
def half_squared_sum(outputs: Values, targets: Given) -> Value: ...
@overload
def half_squared_sum(outputs: Numbers, targets: Numbers) -> float: ...
@overload
def half_squared_sum(outputs: Given, targets: Given) -> Any: ...
def half_squared_sum(outputs: Any, targets: Any) -> Any:
    """Half the sum of the squared differences: the quadratic cost, whose derivative is `out - target`."""
    return 0.5 * _sum(_pairwise("half_squared_sum", lambda out, target: (out - target) ** 2, outputs, targets))


@overload
def hinge(scores: Values, labels: Given) -> Value: ...
@overload
def hinge(scores: Numbers, labels: Numbers) -> float: ...
@overload
def hinge(scores: Given, labels: Given) -> Any: ...
def hinge(scores: Any, labels: Any) -> Any:
    """Mean of max(0, 1 - label * score), the support vector machine's loss; labels are -1 and 1."""

    def one(score: Any, label: Any) -> Any:
        size = abs(label)
        _require((size >= 1) & (size <= 1), "hinge: a label must be -1 or 1", label)  # == of Values is identity
        return relu(1.0 - label * score)

    return _mean(_pairwise("hinge", one, scores, labels))


@overload
def margin_ranking(scores: Values, corrupt: Given, *, margin: float = 1.0) -> Value: ...
@overload
def margin_ranking(scores: Numbers, corrupt: Numbers, *, margin: float = 1.0) -> float: ...
@overload
def margin_ranking(scores: Given, corrupt: Given, *, margin: float = 1.0) -> Any: ...
def margin_ranking(scores: Any, corrupt: Any, *, margin: float = 1.0) -> Any:
    """Mean of max(0, margin - score + corrupt score): a true example should outscore a corrupt one by the margin.

    Collobert et al., Natural Language Processing (Almost) from Scratch (2011).
    """
    return _mean(_pairwise("margin_ranking", lambda s, s_c: relu(margin - s + s_c), scores, corrupt))


@overload
def binary_cross_entropy(scores: Values, targets: Given) -> Value: ...
@overload
def binary_cross_entropy(scores: Numbers, targets: Numbers) -> float: ...
@overload
def binary_cross_entropy(scores: Given, targets: Given) -> Any: ...
def binary_cross_entropy(scores: Any, targets: Any) -> Any:
    """Mean of -log of the probability, sigmoid(score), given to the target: 0 or 1, or a probability between."""

    def one(score: Any, target: Any) -> Any:
        _require((target >= 0) & (target <= 1), "binary_cross_entropy: a target must be from 0 to 1", target)
        return softplus(score) - target * score

    return _mean(_pairwise("binary_cross_entropy", one, scores, targets))


@overload
def cross_entropy(scores: Sequence[Value] | Sequence[Sequence[Value]], target: Given) -> Value: ...
@overload
def cross_entropy(scores: Sequence[Scalar] | Sequence[Sequence[Scalar]], target: Numbers) -> float: ...
@overload
def cross_entropy(scores: Given, target: Given) -> Any: ...
def cross_entropy(scores: Any, target: Any) -> Any:
    """Mean of -log of the probability, softmax(scores), given to the target class: the negative log-likelihood.

    `scores` is a row of n scores with `target` a class index from 0 to n - 1, or n probabilities that sum to 1; or a
    batch of rows with a sequence of such targets. Raises IndexError for a class index out of range.
    """
    if not _is_sequence(scores):
        raise TypeError(f"cross_entropy: the scores are a list, one for each class, not {scores!r}")
    if len(scores) == 0:
        raise ValueError("cross_entropy: there are no scores")
    if not _is_sequence(scores[0]):
        return _cross_entropy_of_row(scores, target)
    if not _is_sequence(target) or len(scores) != len(target):
        raise ValueError(f"cross_entropy: {len(scores)} rows of scores need as many targets, not {target!r}")
    return _mean([_cross_entropy_of_row(row, t) for row, t in zip(scores, target)])


def _cross_entropy_of_row(scores: Sequence[Any], target: Any) -> Any:
    if not _is_sequence(target):
        return logsumexp(scores) - take(scores, target)
    if len(target) != len(scores):
        if len(target) == 1:
            raise ValueError(f"cross_entropy: {len(scores)} scores need one class, but {_list_of_one(target)}")
        raise ValueError(f"cross_entropy: {len(scores)} scores but {len(target)} probabilities")
    with no_grad():
        total = _sum(target)
    adds_up = (total >= 1 - 1e-6) & (total <= 1 + 1e-6)
    are_probabilities = functools.reduce(operator.and_, [p >= 0 for p in target], adds_up)
    _require(are_probabilities, "cross_entropy: the target's probabilities must be at least 0 and sum to 1", target)
    return logsumexp(scores) - _sum([p * s for p, s in zip(target, scores)])


@overload
def softmax(scores: Sequence[Value]) -> list[Value]: ...
@overload
def softmax(scores: Sequence[Scalar]) -> list[float]: ...
@overload
def softmax(scores: Sequence[Value | Scalar] | Array) -> list[Any]: ...
def softmax(scores: Any) -> list[Any]:
    """The scores as probabilities: positive numbers that sum to 1. Never overflows."""
    total = logsumexp(scores)
    return [exp(s - total) for s in scores]


def _pairwise(name: str, one: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> list[Any]:
    """The loss of each output with its target, through any nesting of sequences."""
    if not _is_sequence(outputs) and not _is_sequence(targets):
        return [one(outputs, targets)]
    if not _is_sequence(outputs) or not _is_sequence(targets) or len(outputs) != len(targets):
        if not _is_sequence(outputs) and len(targets) == 1:
            raise ValueError(f"{name}: the net gives one number, but {_list_of_one(targets)}")
        sides = zip((outputs, targets), ("output", "target"))
        told = [count(len(x), what) if _is_sequence(x) else f"a single {what}" for x, what in sides]
        advice = "give one target, a number" if not _is_sequence(outputs) else "give as many targets as outputs"
        raise ValueError(f"{name}: {told[0]} against {told[1]}: {advice}")
    if len(outputs) == 0:
        raise ValueError(f"{name}: there are no outputs")
    return [term for out, target in zip(outputs, targets) for term in _pairwise(name, one, out, target)]


def _list_of_one(target: Sequence[Any]) -> str:
    """What an error says of a target such as [0], which the column of a table gives."""
    if isinstance(getattr(target[0], "data", target[0]), Recordable):  # while it is compiled, no number is known
        return "the target is a list of one: give the number in it, target[0]"
    return f"the target is a list of one, {_shown(target)}: give {_shown(target[0])} instead of {_shown(target)}"


def _is_sequence(x: Any) -> bool:
    return isinstance(x, (list, tuple)) or (is_array(x) and x.ndim > 0)


def _require(holds: Any, message: str, x: Any) -> None:
    """Raise ValueError for a target that is not allowed. In a function that is being compiled, `holds` is a condition
    that compiled code checks for each row; a row that fails is run eagerly, and the error is raised here.
    """
    if isinstance(holds, Recordable) and holds._require is not None:
        holds._require()
    elif not holds:
        raise ValueError(f"{message}, not {_shown(x)}")


def _shown(x: Any) -> str:
    """A target as an error shows it: a Value or a NumPy scalar as Python's number."""
    if _is_sequence(x):
        return f"[{', '.join(map(_shown, x))}]"
    number = x.data if hasattr(x, "_prev") else x
    return repr(number.item() if hasattr(number, "item") else number)


def _sum(terms: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, terms)  # sum() would start the graph with a node 0 + ...


def _mean(terms: Sequence[Any]) -> Any:
    return _sum(terms) / len(terms) if len(terms) > 1 else terms[0]
