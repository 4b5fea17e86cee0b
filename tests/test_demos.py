"""Every demo runs, and what it claims is true."""

from __future__ import annotations

import inspect
import math
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.demos import DEMOS, demo

from micrograd.cli import run

NAMES = sorted(path.stem for path in DEMOS.glob("*.py"))


def test_each_demo_has_a_test_here():
    elsewhere = {
        "sweep",
        "in_100_lines",
    }  # with its cluster, and beside the engine: in test_sweep.py, test_in_100_lines.py
    assert {f"test_{name}" for name in set(NAMES) - elsewhere} <= set(globals())


@pytest.mark.parametrize("name", NAMES)
def test_demos_read_like_a_lesson(name):
    module = demo(name)
    assert module.__doc__ and module.main.__doc__
    assert ("seed" in inspect.signature(module.main).parameters) == (name != "chain_rule")  # nothing there is random
    longest = {"microgpt": 150, "in_100_lines": 100}.get(name, 84)  # about 80
    assert len((DEMOS / f"{name}.py").read_text().splitlines()) <= longest


def test_a_demo_runs_as_a_script():
    result = subprocess.run(
        [sys.executable, DEMOS / "named_entity.py", "--seed", "3"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(DEMOS.parent)},
    )
    assert result.returncode == 0 and result.stderr == ""
    assert "loss 0.0000" in result.stdout and '"museums in paris are amazing" now outscores' in result.stdout


def test_flags_come_from_the_signature(capsys):
    def main(*, seed=0, rate=0.5, out_file="x", jit=False):
        """Help text."""
        return seed, rate, out_file, jit

    assert run(main, ["--seed", "3", "--out-file", "y"]) == (3, 0.5, "y", False)
    assert run(main, ["--jit"]) == (0, 0.5, "x", True)
    for argv, said in [(["--help"], "Help text."), (["--seed", "many"], "invalid int value"), (["--nope"], "--nope")]:
        with pytest.raises(SystemExit):
            run(main, argv)
        assert said in "".join(capsys.readouterr())


def test_chain_rule(capsys):
    results = demo("chain_rule").main()
    said = capsys.readouterr().out
    nodes, received = results["quotient"]
    assert (nodes["x"].grad, nodes["y"].grad) == (-1.0, -0.5)
    nodes, received = results["with_sigmoids"]
    assert nodes["f"].data == pytest.approx(0.413454, abs=1e-6)
    assert len(received["x"]) == 3
    for name, contributions in received.items():
        if contributions:
            assert sum(contributions) == pytest.approx(nodes[name].grad, rel=1e-15)
    assert "∂f/∂den = -f / den = -0.08471; times f.grad: -0.08471 × 1 = -0.08471" in said
    assert "x.grad = 0.3388 from xpy + (-0.008894) from sig_x + 0.2049 from num = 0.5348" in said
    assert "x → xpy → sq → den → f: 1 × (-4) × 1 × (-0.08471) = 0.3388" in said
    assert max(map(len, said.splitlines())) < 110
    assert said.count("2 derivatives agree with central differences") == 2


XOR = "a hidden layer learned what no single neuron can.\n"


def test_xor(capsys):
    net, errors = demo("xor").main(steps=3000)
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.4 and errors[-1] < 0.05
    assert [round(net(row).data) for row in ([0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1])] == [0, 1, 1, 0]
    said = capsys.readouterr().out
    assert "0 xor 1 = 0.9" in said and said.endswith("Rounded, all four are right: " + XOR)
    demo("xor").main(steps=1)
    assert "Rounded" not in capsys.readouterr().out, "nothing is claimed that is not so"


def test_iris(capsys):
    history = demo("iris").main(seed=0)[1]
    said = capsys.readouterr()
    assert history["validation accuracy"][-1] >= 0.93
    right = history["validation accuracy"][-1]
    assert said.out.endswith(f"held-out accuracy: {right:.1%}, {round(50 * right)} of 50 flowers\n")
    loss, held_out = history["loss"][-1], history["validation loss"][-1]
    wanted = f"epoch 80/80  loss {loss:.4f}  validation accuracy {right:.4f}  validation loss {held_out:.4f}"
    assert_quiet(said.err, wanted)


def assert_quiet(said, last):
    """Progress is at most ten short lines, but for those of a slow machine, and ends with this one."""
    lines = [line for line in said.splitlines() if "  step " not in line]
    assert len(lines) <= 10 and max(map(len, lines)) < 80 and lines[-1] == last


def test_moons(tmp_path, capsys):
    _, accuracy = demo("moons").main(steps=60, out=str(tmp_path / "moons.png"))
    assert accuracy == 1.0
    picture = (tmp_path / "moons.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 5000
    said = capsys.readouterr()
    assert "accuracy 100% after 60 steps: 100 of 100 points on their own side\n" in said.out
    assert re.fullmatch(r"epoch 60/60  loss 0\.0\d{3}  accuracy 1\.0000", said.err.splitlines()[-1])
    assert_quiet(said.err, said.err.splitlines()[-1])


def numbers_of(net):
    return [p.data for p in net.parameters()]


def test_xor_compiled_is_the_same(capsys):
    eager, eager_errors = demo("xor").main(steps=500)
    net, errors = demo("xor").main(steps=500, jit=True)
    assert errors == pytest.approx(eager_errors, rel=1e-12)
    assert numbers_of(net) == pytest.approx(numbers_of(eager), rel=1e-11)
    net, errors = demo("xor").main(steps=60_000, jit=True)
    assert errors[-1] < 0.01 and "step  60000   mean error 0.0" in capsys.readouterr().out


def test_iris_compiled_is_the_same():
    eager, eager_history = demo("iris").main(epochs=12)
    net, history = demo("iris").main(epochs=12, jit=True)
    assert history["loss"] == pytest.approx(eager_history["loss"], rel=1e-12)
    assert numbers_of(net) == pytest.approx(numbers_of(eager), rel=1e-9)
    assert demo("iris").main(jit=True)[1]["validation accuracy"][-1] >= 0.93


def test_moons_compiled_is_the_same(tmp_path):
    out = str(tmp_path / "moons.png")
    eager, _ = demo("moons").main(steps=12, out=out)
    net, _ = demo("moons").main(steps=12, out=out, jit=True)
    assert numbers_of(net) == pytest.approx(numbers_of(eager), rel=1e-11)
    assert demo("moons").main(out=out, jit=True)[1] == 1.0


def test_digits(capsys):
    _, right = demo("digits").main(epochs=8)
    assert len(right) == 8 and max(right) >= 0.95 * 360
    said = capsys.readouterr().out
    assert f"Epoch 7: {right[7]} / 360\n" in said
    assert said.endswith(f"best: {max(right) / 360:.1%} of 360 digits that it did not learn from\n")


def test_digits_eager_is_the_same():
    eager, eager_right = demo("digits").main(epochs=1, hidden=1, batch=100, eager=True)
    net, right = demo("digits").main(epochs=1, hidden=1, batch=100)
    assert right == eager_right
    assert numbers_of(net) == pytest.approx(numbers_of(eager), rel=1e-9)


def test_digits_without_a_network(monkeypatch, capsys):
    def refused(*_, **__):
        raise ConnectionRefusedError("no network")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", refused)
    with pytest.raises(SystemExit) as caught:
        run(demo("digits").main, ["--mnist"])
    said = capsys.readouterr().err
    assert caught.value.code == 2 and said.count("\n") == 1
    assert "MNIST is downloaded from openml.org, which failed (no network)" in said


def test_digits_of_the_size_of_mnist(monkeypatch, capsys):
    """A thousandth of it, drawn at random: 784 inputs, the textbook's parts, and the very same lines."""
    rng = np.random.default_rng(0)
    X, y = rng.random((70, 784)), rng.integers(0, 10, 70).tolist()
    spread_out = [k for k in range(70) for _ in range(1000)]
    monkeypatch.setattr("micrograd.data.mnist", lambda: (X[spread_out], [y[k] for k in spread_out]))
    net, right = demo("digits").main(mnist=True, epochs=1, hidden=1, batch=1000)
    assert len(net.parameters()) == 785 + 20 and 0 <= right[0] <= 10_000
    said = capsys.readouterr().out.splitlines()
    best = f"best: {right[0] / 10_000:.1%} of 10000 digits that it did not learn from"
    assert said == [f"Epoch 0: {right[0]} / 10000", best]


def test_microgpt(tmp_path, capsys):
    _, losses, words = demo("microgpt").main(steps=30, size=8, heads=2, block=8)
    assert len(losses) == 30 and losses[0] == pytest.approx(math.log(26), rel=1e-12)
    assert sum(losses[-10:]) / 10 < 3.0
    assert len(words) == 20 and all(len(word) <= 8 for word in words)
    assert "196 words of 25 letters" in capsys.readouterr().out
    (tmp_path / "names.txt").write_text("\n\n")
    with pytest.raises(SystemExit):
        run(demo("microgpt").main, ["--names", str(tmp_path / "names.txt")])
    assert capsys.readouterr().err.endswith("holds no words: put one on each line\n")


def test_microgpt_attends_to_what_came_before(tmp_path):
    """No bigram can learn these words: what follows b depends on the letter before it."""
    path = tmp_path / "words.txt"
    path.write_text("abc\ndbe\n")
    _, losses, words = demo("microgpt").main(names=path, steps=300, lr=0.03, size=8, heads=2, block=4, jit=True)
    assert sum(losses[-20:]) / 20 < 0.25  # the first letter costs log(2) / 4 = 0.17; a bigram at least twice that
    assert {"abc", "dbe"} <= set(words)


def test_microgpt_compiled_is_the_same(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("abba\nab\nba\nbabab\n")
    small = {"names": path, "steps": 6, "size": 4, "heads": 2, "block": 3}
    eager, eager_losses, eager_words = demo("microgpt").main(**small)
    gpt, losses, words = demo("microgpt").main(**small, jit=True)
    assert losses == pytest.approx(eager_losses, rel=1e-12)
    assert numbers_of(gpt) == pytest.approx(numbers_of(eager), rel=1e-9, abs=1e-12)
    assert words == eager_words


def test_named_entity(capsys):
    for seed in range(3):
        true, corrupt, moved = demo("named_entity").main(seed=seed)
        assert true - corrupt >= 1.0
        assert all(distance > 0 for distance in moved.values())
        said = capsys.readouterr().out
        farthest = max(moved, key=moved.get)
        assert "loss 0.0000" in said
        assert f'"not all museums in paris" by {true - corrupt:.2f}, at least the margin of 1.\n' in said
        assert said.endswith(f'into the words: all 7 moved, "{farthest}" the farthest.\n')
    true, corrupt, _ = demo("named_entity").main(steps=1)
    assert f"by {true - corrupt:.2f} only.\n" in capsys.readouterr().out


def computed(arithmetic):
    """The result of printed arithmetic, such as `(-0.5) × 2`."""
    assert re.fullmatch(r"[-+×().\d ]+", arithmetic)
    return eval(arithmetic.replace("×", "*"))


def test_four_equations(capsys):
    difference, rows = demo("four_equations").main(largest=16)
    assert difference <= 1e-12
    assert [weights for weights, _, _ in rows] == [26, 50, 98]
    said = capsys.readouterr().out.splitlines()
    assert [line[:3] for line in said[:4]] == ["BP1", "BP2", "BP3", "BP4"]
    for line in (said[0], said[1], said[3]):  # what is printed is right as it stands, to the digits that it has
        *_, arithmetic, result = line.partition(";")[0].split(" = ")
        assert computed(arithmetic) == pytest.approx(float(result), abs=2e-4)
    for line in said[2:4]:
        by_hand, by_backward = re.search(r"= (-?[\d.]+); backward\(\) gave (-?[\d.]+)", line).groups()
        assert by_hand == by_backward != "0.0000"
    assert said[4] == f"all 26 gradients agree: the largest difference is {difference:.1e}"
    assert said[-1].startswith("Backward visits each operation once")


def test_matrices(capsys):
    differences = demo("matrices").main()
    assert len(differences) == 10
    assert max(differences.values()) <= 1e-12
    said = capsys.readouterr().out
    arithmetic, result, gradient = re.search(r"  (.*) = (-?[\d.]+); backward\(\) gave (-?[\d.]+)", said).groups()
    assert arithmetic.count("×") == 4 and result == gradient
    assert computed(arithmetic) == pytest.approx(float(result), abs=3e-4)
    shown = {line[:18].strip(): line[18:].split() for line in said.splitlines()}
    assert shown["dX, by backward()"][0] == gradient
    assert "NumPy arrays: Y = X W V, dV" in said and said.endswith("the chain rule, entry by entry.\n")


def test_a_demo_s_error_is_one_line(capsys):
    with pytest.raises(SystemExit) as caught:
        run(demo("chain_rule").main, ["--x", "1", "--y", "-1"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
