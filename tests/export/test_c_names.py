"""Names in C: all that a file defines begin with the file's own name, so that any files link together."""

from __future__ import annotations

import random
import re
import subprocess

import pytest
from helpers.compiled_c import COMPILER, STRICT, needs_c

from micrograd.export.c_alias import RESERVED
from micrograd.export.c_file import c_text, to_c
from micrograd.losses import mse
from micrograd.nn import MLP, Neuron
from micrograd.optim import SGD, Adam


def trained(seed, optimizer=SGD):
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(seed))
    return net, (lambda x, y: mse(net(x), y), optimizer(net.parameters(), lr=0.1))


class Worded(Adam):
    """States called `t`, which makes a type's name after `double_`, and `double`, a keyword of C."""

    state_names = ("t", "double")


@pytest.mark.parametrize("name", ["2net.c", "my-net.c", "nét.c", "_net.c", "a b.c", ".c"])
def test_names_that_c_cannot_have(name, tmp_path):
    with pytest.raises(ValueError, match=r"to_c: .*'net\.c'"):
        to_c(Neuron(1), tmp_path / name)
    assert not list(tmp_path.iterdir())


@needs_c
@pytest.mark.parametrize("name", ["double", "exp", "tanhf", "main", "NAN", "printf", "isfinite", "float"])
def test_words_of_c_and_names_of_its_library(name, compiled):
    net, train = trained(0, Worded)
    c = compiled(net, name, train=train)
    assert c([0.5, -1.0], 1) == pytest.approx([net([0.5, -1.0]).data])
    assert c.step([0.5, -1.0], [2.0], 0.1) == pytest.approx((net([0.5, -1.0]).data - 2.0) ** 2)
    assert f"{name}(const" not in c.text


def test_every_name_outside_functions_begins_with_the_files():
    for name in ("net", "double"):
        text = re.sub(r"/\*.*?\*/", "", c_text(trained(0)[0], name, train=trained(0, Adam)[1]), flags=re.DOTALL)
        outside = [line for line in text.splitlines() if re.match(r"\w", line)]
        named = [re.match(r"(?:static |const |void |double )+(\w+)[(\[ ]", line)[1] for line in outside]
        assert len(named) >= 7 and {one for one in named if not one.startswith(f"{name}_")} <= {"net"}


PROGRAM = """
#include <stdio.h>
void one_run(const double x[2], double y[1]);
void one(const double x[2], double y[1]);
double one_step(const double x[2], const double y[1], double rate);
void double_run(const double x[2], double y[1]);
double double_step(const double x[2], const double y[1], double rate);
int main(void)
{
    const double x[2] = {0.5, -1.0}, target[1] = {2.0};
    double y[1];
    one_run(x, y);
    printf("%.17g ", y[0]);
    one(x, y); /* as callers of files written before do */
    printf("%.17g ", y[0]);
    double_run(x, y);
    printf("%.17g %.17g %.17g", y[0], one_step(x, target, 0.1), double_step(x, target, 0.1));
    return 0;
}
"""


@needs_c
def test_two_files_and_callers_who_know_the_former_name_link_together(tmp_path):
    nets = {"one": trained(1), "double": trained(2, Adam)}
    for name, (net, train) in nets.items():
        to_c(net, tmp_path / f"{name}.c", train=train)
    (tmp_path / "caller.c").write_text(PROGRAM)
    sources = ["caller.c", "one.c", "double.c"]
    subprocess.run([COMPILER, *STRICT, *sources, "-o", "caller", "-lm"], cwd=tmp_path, check=True)
    said = subprocess.run([tmp_path / "caller"], capture_output=True, text=True, check=True).stdout
    one, other = (net([0.5, -1.0]).data for net, _ in nets.values())
    assert [float(x) for x in said.split()] == pytest.approx([one, one, other, (one - 2.0) ** 2, (other - 2.0) ** 2])


def test_no_function_is_called_as_something_of_c_is():
    net = Neuron(1)
    assert "void net(" in c_text(net, "net")
    assert not [name for name in RESERVED if re.search(rf"\b{name}\(const", c_text(net, name))]
