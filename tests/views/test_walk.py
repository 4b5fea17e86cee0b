"""At the prompt: forward as well as backward, by neuron and by merge, as the record has it, in 80 columns."""

from __future__ import annotations

import io
import random
import re
import shlex
import textwrap
from pathlib import Path

import pytest
from helpers.engines import lecture, original
from helpers.terminal import Terminal, pexpect, session

from micrograd import Value, debug, sigmoid, trace
from micrograd.nn import MLP
from micrograd.node import UNREACHED
from micrograd.views.breakpoints import Breakpoints
from micrograd.views.moves import Position
from micrograd.views.sentence import columns


@pytest.fixture
def say(tmp_path):
    session = Terminal(tmp_path)
    yield session
    assert "left, and x.grad is 0.0" in session.quit()


def small_net():
    net = MLP(2, [3, 1], activation="tanh", rng=random.Random(0))
    loss = net([0.5, 1.0]) * net([-0.5, 0.3])
    loss.label = "loss"
    return net, loss


def test_forward_is_walked_too_and_what_is_not_computed_is_a_dot(say):
    assert say("j f").splitlines() == [
        "back to forward 0/7",
        "-> [forward 1/7] v1 = sigmoid(y) = sigmoid(-4) = 0.01799",
    ]
    assert say("f") == "f: data=·, grad=·" and say("p f.data * 2 + x") == "·" and say("x") == "x: data=2.0, grad=·"
    assert say("s 2").splitlines() == [
        "[forward 1/7] v1 = sigmoid(y) = sigmoid(-4) = 0.01799",
        "[forward 2/7] v2 = x + v1 = 2 + 0.01799 = 2.018",
    ]
    assert say("tree").splitlines()[:2] == [
        "f = v2 / v6             data ·         grad ·",
        "├─ v2 = x + v1          data 2.018     grad ·",
    ]
    assert say("w").splitlines()[0] == "  f = v2 / v6 = ·   grad ·"
    assert say("b v5") == "1  break  v5"
    assert say("c").splitlines()[-1] == "breakpoint 1  break  v5" and say("unt v6").startswith("[forward 6/7] v6 = ")
    assert say("rn").startswith("back to forward 5/7")
    assert say("c").splitlines() == [
        "[forward 7/7] f = v2 / v6 = 2.018 / 4.881 = 0.4135",
        "forward is done: f = 0.4135; backward starts with f.grad = 1",
    ]
    assert "breakpoint 1  break  v5" in say("c")
    assert say("j f2").startswith("back to forward 2/7") and say("j 0").startswith("[forward 7/7]")
    assert say("rs").startswith("back to forward 6/7")


def test_m_stops_at_each_merge_and_rm_goes_back(say):
    t = trace(sigmoid(Value(1.0)))
    assert not any(step.accumulates for step in t)
    assert say("m").startswith("[8/11] ") and say("m").startswith("[9/11] ") and say("m").startswith("[11/11] ")
    assert say("m") == "*** no gradient gets a further contribution from here on"
    assert say("rm").startswith("back to 9/11") and say("rm").startswith("back to 8/11")
    assert say("rm") == "*** no gradient got a further contribution before this"


def test_a_whole_walk_forward_and_back_passes_every_position():
    _, loss = small_net()
    walk = Position(trace(loss))
    for forth, back in [
        (lambda: walk.after(1), lambda: walk.before(1)),
        (walk.end_of_node, walk.start_of_node),
        (lambda: walk.end_of_group(""), lambda: walk.start_of_group("")),
        (lambda: walk.end_of_group("layer"), lambda: walk.start_of_group("layer")),
    ]:
        walk.go(walk.start)
        places = [walk.number]
        while walk.number < walk.end:
            walk.go(forth())
            places.append(walk.number)
            assert sum(x is None for x in walk.data()) == max(0, -walk.number)
        assert 0 in places and places == sorted(set(places))
        while walk.number > walk.start:
            before = walk.number
            walk.go(back())
            assert walk.number < before


def test_a_neuron_is_one_line():
    net, loss = small_net()
    out = session(loss, "r", "r", "r layer", "j f", "r", "q", names={"net": net, "loss": loss})
    said = out.split("(grad) ")
    assert "[1/68] ∂loss/∂" in said[1] and "[2/68] ∂loss/∂" in said[1]
    first, *others = said[2].splitlines()
    assert re.fullmatch(r"\[3-\d+/68\] neuron (?:net\.)?layers\.1\.neurons\.0: 12 steps, sends to 7 operands", first)
    assert len(others) == 2 and all(
        re.search(r"neuron (?:net\.)?layers\.0\.neurons\.\d: \d steps, ", x) for x in others
    )
    assert re.match(r"\[forward 1-5/\d+\] neuron (?:net\.)?layers\.0\.neurons\.0: 5 operations; v5 = 0\.\d+\n", said[5])


@pytest.mark.parametrize("how", ["vars", "module", "none"])
def test_values_are_as_in_the_record_by_whatever_name_they_are_reached(how):
    net, loss = small_net()
    given = {"net": net, "loss": loss, "rows": [net.layers[0].neurons[1].b]}
    names = {"vars": given, "module": net, "none": None}[how]
    t = trace(loss, names=names)
    bias = t.graph.node(net.layers[0].neurons[1].b)
    assert t.graph.node("net.layers[0].neurons[1].b") is bias is t.graph.node("layers.0.neurons.1.b")
    expected = t.grads()[bias.index]
    spelled = ["layers.0.neurons.1.b.grad", "net.layers.0.neurons.1.b.grad"]
    lines = [*spelled, "b net.layers[0].neurons[1].b", "why layers.0.neurons.1.b 1", "j f", *spelled]
    if how == "vars":
        lines += ["net.layers[0].neurons[1].b.grad", "rows[0].grad * 3", "c", "c", "cl", "c"]
        lines += ["net.layers[0].neurons[1].b.grad", "rows[0].grad", "f'{rows[0].grad:.3f}'", "rows"]
    out = session(loss, "c", *lines, "q", names=names, scope=given if how == "vars" else None)
    assert "***" not in out and out.count(f"{expected!r}\n") == (4 if how == "vars" else 2)
    assert out.count("·\n") == (4 if how == "vars" else 2)
    if how == "vars":
        assert f"'{expected:.3f}'" in out and f"[Value(data=0.0, grad={expected!r})]" in out
    assert all(p.grad == 0.0 and p.grad is UNREACHED for p in net.parameters())


def test_the_record_cannot_be_changed_through_the_users_own_variables():
    net, loss = small_net()
    before = net.layers[0].neurons[0].w[0].data
    given = {"net": net, "loss": loss}
    out = session(
        loss,
        "c",
        "net.layers[0].neurons[0].b.grad = 3",
        "net.zero_grad()",
        "net.layers[0].neurons[0].w[0].data = 7.0",
        "1 / 0 if setattr(net.layers[0].neurons[0].b, 'grad', 5.0) is None else 0",
        "p net([1.0, 2.0]).data",
        "q",
        names=given,
    )
    assert out.count("of this record, which cannot be changed") == 3
    assert "layers.0.neurons.0.b is a node of this record" in out and "and 12 more are nodes of this record" in out
    assert net.layers[0].neurons[0].w[0].data == before
    assert all(p.grad is UNREACHED for p in net.parameters())


@pytest.mark.parametrize("engine", [lecture, original])
def test_other_peoples_values_are_as_in_the_record_too(engine):
    x, y = engine.Value(2.0), engine.Value(-4.0)
    z = x * y + x
    given = {"x": x, "y": y, "z": z, "rows": [x, y]}
    out = session(z, "j f", "z", "rows[0].grad", "c", "c", "x", "rows[0].grad", "rows[0].grad = 9", "q", names=given)
    assert out.count("z: data=·, grad=·\n") == 1 and "(grad) ·\n" in out
    assert "x: data=2.0, grad=-3.0\n(grad) -3.0\n(grad) *** x is a node of this record" in out
    assert (x.grad, z.grad, z.data) == (0, 0, -6.0)


def test_every_line_fits_a_terminal_of_80_columns():
    x, y = Value(2.0, label="first input of all " * 5), Value(-3.0, label="é" * 99)
    z = (x * y + x).tanh() * y
    z.label = "the result " * 9
    moves = ["j f", "s", "n", "c", "s", "n", "w", "l all", "tree", "why", "forward", "m", "rs", "r", "c", "help"]
    for line in session(z, *moves, "q").replace("(grad) ", "\n").splitlines():
        assert columns(line) <= 80, line
    net, loss = small_net()
    moves = ["j f", "r", "r layer", "c", "r", "r layer", "r", "w", "l", "tree", "why layers.0.neurons.0.w.0", "q"]
    for line in session(loss, *moves, names={"a_net_of_quite_a_length": net}).replace("(grad) ", "\n").splitlines():
        assert columns(line) <= 80, line


def test_operations_are_named_or_written_as_symbols():
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    z = (x * y + x) ** 2 / y - x
    for where, sent in [("op==+", 2), ("op==add", 2), ("op == '*'", 2), ("op==**2", 1), ("op!=+", 7), ("op==-", 2)]:
        stops = Breakpoints(trace(z))
        stops.add(where)
        hit = [i for i in range(len(stops.trace)) if stops.at(i)]
        assert len(hit) == sent, where
    with pytest.raises(ValueError, match=r"no operation here is called 'ad' \(did you mean 'add'\?\)"):
        stops.add("op==ad")
    with pytest.raises(ValueError, match=r"nothing is called 'grd' \(did you mean 'grad'\?\)"):
        stops.add("abs(grd) > 1")


def test_end_of_file_ends_the_line(tmp_path):
    say = Terminal(tmp_path)
    say.child.sendeof()
    say.child.expect(pexpect.EOF)
    assert re.match(r"\s*\r?\nleft, and x.grad is 0.0", say.child.before)
    assert session(Value(2.0) * 3.0, "s").endswith("(grad) \n")


def test_colours_where_the_terminal_has_them(tmp_path):
    blue, orange, violet = "\x1b[38;5;32m", "\x1b[38;5;166m", "\x1b[1;38;5;99m"
    say = Terminal(tmp_path, TERM="xterm-256color")
    said = say("s 2")
    assert f"{violet}[1/11]\x1b[0m ∂f/∂v2" in said
    assert f"v2.grad = {blue}0.2049\x1b[0m from f" in said and f"v6.grad = {orange}-0.08471\x1b[0m from f" in said
    assert f"grad {orange}-0.08471\x1b[0m" in say("tree") and f"= {orange}-0.008894\x1b[0m" in say("why x")
    assert [line[:3] for line in say("l").splitlines() if violet in line] == [violet[:3]]  # the next step alone
    say.quit()
    for settings in ({"TERM": "xterm-256color", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        say = Terminal(tmp_path, **settings)
        assert "\x1b[38" not in say("s 2") + say("tree") + say("why x")
        say.quit()
    say = Terminal(tmp_path, TERM="dumb", FORCE_COLOR="1")
    assert blue in say("s 2")
    say.quit()


def test_terminals_without_our_characters_get_plain_ones(tmp_path):
    say = Terminal(tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert say("s") == (
        "[1/11] df/dv2 = 1 / v6 = 0.2049; times f.grad: 0.2049 * 1 = 0.2049\n       v2.grad = 0.2049 from f"
    )
    assert "x > v2 > f: 1 * 0.2049 = 0.2049" in say("why x") and say("p x.grad") == "."
    say.quit()


def test_debug_opens_where_backward_starts_or_forward(monkeypatch, capsys):
    x = Value(2.0, label="x")
    for forward, first in [(False, "-> [1/2] ∂"), (True, "-> [forward 1/1] v1 = x * x = 2 * 2 = 4")]:
        monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
        debug(x * x, forward=forward)
        assert first in capsys.readouterr().out


def test_the_session_that_the_documentation_shows(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "seeing.md"
    shown = textwrap.dedent(re.search(r"^    \$ micrograd step.*?\n(?=\S)", page.read_text(), re.M | re.S)[0]).strip()
    first, *_ = shown.splitlines()
    arguments = shlex.split(first.removeprefix("$ micrograd "))
    program = f"from micrograd.cli import main\nmain({arguments!r})"
    say = Terminal(tmp_path, program)
    lines = [first, *say.intro.splitlines()]
    for typed in re.findall(r"^\(grad\) (.*)$", shown, re.MULTILINE):
        lines += [f"(grad) {typed}", *say(typed).splitlines()]
    say.quit()
    assert "\n".join(lines) == shown
