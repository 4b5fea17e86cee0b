"""Train nets through scikit-learn's API: `MLPClassifier().fit(X, y)`, in pipelines, cross-validation and grid searches.

    >>> from micrograd.estimators import MLPClassifier
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "yes", "yes", "no"]
    >>> model = MLPClassifier((8,), activation="tanh", epochs=300, learning_rate=0.05, random_state=0).fit(X, y)
    >>> [str(label) for label in model.predict(X)]
    ['no', 'yes', 'yes', 'no']

The nets are micrograd's, trained by `train.fit`; rows are arrays, classes may be anything that NumPy can sort.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from micrograd.coerce import as_count
from micrograd.data.preparation import scale_of
from micrograd.extras import require
from micrograd.intake import refuse_masked, rows_of
from micrograd.losses import binary_cross_entropy, cross_entropy, mse, softmax
from micrograd.nn import MLP, init_for
from micrograd.ops import sigmoid
from micrograd.optim import WEIGHT_DECAY, Adam
from micrograd.training.fit import fit
from micrograd.training.predict import outputs_of

try:
    import numpy
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    require("sklearn", extra="train")  # says how to install it
    raise


class _Net(BaseEstimator):
    """What both estimators share: the options, and training on standardised rows."""

    hidden_layer_sizes: Sequence[int]
    activation: str
    learning_rate: float
    weight_decay: float
    epochs: int
    batch_size: int | None
    patience: int | None
    standardize: bool
    backend: str
    random_state: Any

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (16,),
        *,
        activation: str = "relu",
        learning_rate: float = 0.01,
        weight_decay: float = WEIGHT_DECAY,
        epochs: int = 100,
        batch_size: int | None = 32,
        patience: int | None = 20,
        standardize: bool = True,
        backend: str = "auto",
        random_state: Any = None,
    ):
        self.hidden_layer_sizes, self.activation = hidden_layer_sizes, activation
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.epochs, self.batch_size, self.patience = epochs, batch_size, patience
        self.standardize, self.backend, self.random_state = standardize, backend, random_state

    def _checked(self, X: Any, y: Any, **options: Any) -> tuple[Any, Any]:
        """Rows and targets, checked by scikit-learn. It would read masked numbers, so they are refused here first."""
        refuse_masked(X, "X")
        refuse_masked(y, "y")
        X, y = validate_data(self, X, y, dtype=float, accept_sparse="csr", **options)
        return rows_of(X, "X"), y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _train(self, X: Any, targets: Any, outputs: int, loss: Any) -> None:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        count: int = X.shape[1]
        self.mean_: Any
        self.scale_: Any
        self.mean_, self.scale_ = _standard(X) if self.standardize else (numpy.zeros(count), numpy.ones(count))
        given = numpy.atleast_1d(self.hidden_layer_sizes).tolist()
        given = [int(n) if isinstance(n, float) and n.is_integer() else n for n in given]
        hidden = [as_count(n, "a size in hidden_layer_sizes") for n in given]
        init, rng = init_for(self.activation), random.Random(seed)
        net = MLP(count, [*hidden, outputs], activation=self.activation, init=init, rng=rng)
        optimizer = Adam(net.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        self.history_: Any = fit(
            net,
            loss,
            (X - self.mean_) / self.scale_,
            targets,
            optimizer=optimizer,
            epochs=self.epochs,
            batch_size=self.batch_size,
            patience=self.patience,
            keep_best=True,
            seed=seed,
            backend=self.backend,
            progress=False,
        )
        self.n_iter_: int = len(self.history_)
        # A net of plain Values, which can be sent to other processes, as trained ones cannot.
        self.net_: MLP = MLP(count, [*hidden, outputs], activation=self.activation)
        self.net_.load_state_dict(net.state_dict())

    def _outputs(self, X: Any) -> list[Any]:
        """The net's outputs for each row, as floats."""
        check_is_fitted(self)
        refuse_masked(X, "X")
        X = rows_of(validate_data(self, X, reset=False, dtype=float, accept_sparse="csr"), "X")
        return outputs_of(self.net_, ((X - self.mean_) / self.scale_).tolist(), backend=self.backend)


def _standard(X: Any) -> tuple[Any, Any]:
    """The mean and the standard deviation of each column, or of a one-dimensional array."""
    scales = [scale_of(column) for column in X.reshape(len(X), -1).T.tolist()]
    mean, scale = ([getattr(s, name) for s in scales] for name in ("mean", "scale"))
    return numpy.array(mean).reshape(X.shape[1:]), numpy.array(scale).reshape(X.shape[1:])


class MLPClassifier(ClassifierMixin, _Net):
    """A multi-layer perceptron for classes: softmax cross-entropy, or a sigmoid where there are two.

    After `fit`: `classes_`, `net_` (a `micrograd.nn.MLP` on standardised rows), `history_`, `mean_`, `scale_` and
    `n_iter_`.
    """

    def fit(self, X: Any, y: Any) -> MLPClassifier:
        """Train on rows X of shape (n, inputs) and n labels. Raises ValueError for invalid data."""
        X, y = self._checked(X, y)
        check_classification_targets(y)
        self.classes_: Any
        self.classes_, targets = numpy.unique(y, return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError(f"MLPClassifier needs at least two classes; all {len(y)} labels are of one class")
        if count == 2:
            self._train(X, targets.astype(float), 1, binary_cross_entropy)
        else:
            self._train(X, targets, count, cross_entropy)
        return self

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, in the order of `classes_`: shape (n, classes)."""
        outputs = self._outputs(X)
        if len(self.classes_) == 2:
            ones = [sigmoid(score) for score in outputs]
            return numpy.array([[1.0 - p, p] for p in ones])
        return numpy.array([softmax(scores) for scores in outputs])

    def predict(self, X: Any) -> Any:
        """The most probable class of each row."""
        chosen = self.predict_proba(X).argmax(axis=1)
        return self.classes_[chosen]


class MLPRegressor(RegressorMixin, _Net):
    """A multi-layer perceptron for numbers: mean squared error, on standardised targets.

    After `fit`: `net_`, `history_`, `mean_` and `scale_` of the inputs, `target_mean_` and `target_scale_`, `n_iter_`.
    """

    target_mean_: Any
    target_scale_: Any

    def fit(self, X: Any, y: Any) -> MLPRegressor:
        """Train on rows X of shape (n, inputs) and n numbers, or n rows of numbers."""
        X, y = self._checked(X, y, multi_output=True, y_numeric=True)
        y = numpy.asarray(y, float)
        self.target_mean_, self.target_scale_ = _standard(y)
        targets = (y - self.target_mean_) / self.target_scale_
        self._shape = y.shape[1:]
        outputs = math.prod(self._shape)
        self._train(X, targets.reshape(len(y)) if outputs == 1 else targets, outputs, mse)
        return self

    def predict(self, X: Any) -> Any:
        """A number, or a row of numbers, for each row."""
        outputs = numpy.array(self._outputs(X), float).reshape(-1, *self._shape)
        return outputs * self.target_scale_ + self.target_mean_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
