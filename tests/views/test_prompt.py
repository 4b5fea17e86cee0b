"""The prompt, through a real pseudo-terminal, as a person would use it."""

from __future__ import annotations

import io
import random

import pytest
from helpers.terminal import Terminal, pexpect, session

from micrograd import Value, sigmoid, trace
from micrograd.nn import MLP
from micrograd.views.breakpoints import Breakpoints
from micrograd.views.prompt import Prompt
from micrograd.views.repl import LONG


@pytest.fixture
def say(tmp_path):
    session = Terminal(tmp_path)
    yield session
    assert "left, and x.grad is 0.0" in session.quit()


def test_a_session_opens_with_the_record_and_the_first_step(say):
    assert say.intro.splitlines()[:2] == [
        "f = v2 / v6: 9 values, 7 steps forward, 11 backward",
        "forward is done: f = 0.4135; backward starts with f.grad = 1",
    ]
    assert "-> [1/11] ∂f/∂v2 = 1 / v6" in say.intro


def test_one_contribution_again_by_an_empty_line_and_what_it_left(say):
    assert say("s") == (
        "[1/11] ∂f/∂v2 = 1 / v6 = 0.2049; times f.grad: 0.2049 × 1 = 0.2049\n       v2.grad = 0.2049 from f"
    )
    assert say("").startswith("[2/11]")
    assert say("p f") == "f: data=0.41345423252018193, grad=1.0"
    assert say("p f.data + 1") == "1.413454232520182"


def test_going_back_in_every_way_gives_the_state_before(say):
    say("s 2")
    before = say("tree")
    for there, back in [("s 3", "rs 3"), ("n", "rn"), ("r", "rr"), ("c", "j 2"), ("j 9", "j 2"), ("unt x", "j 2")]:
        moved = say(there)
        assert "***" not in moved
        assert say("tree") != before
        assert "back to 2/11" in say(back)
        assert say("tree") == before


def test_breakpoints_of_every_kind(say):
    say("s 2")
    assert say("b x") == "1  break  x"
    assert say("tbreak op==sigmoid") == "2  tbreak  op==sigmoid"
    assert say("b abs(grad) > 0.5") == "3  break  abs(grad) > 0.5"
    assert say("b nan") == "4  break  nan"
    assert say("c").endswith("breakpoint 1  break  x")
    assert say("condition 1 contribution < 0") == "1  break  x  if contribution < 0"
    assert "breakpoint 1  break  x  if contribution < 0" in say("c")
    assert say("b").count("\n") == 3
    assert "breakpoint 3  break  abs(grad) > 0.5" in say("c")
    assert "breakpoint 1  break  x  if contribution < 0" in say("rc")
    assert say("cl 3") == "deleted breakpoint 3  break  abs(grad) > 0.5"
    assert "breakpoint 2  tbreak  op==sigmoid" in say("c")
    assert say("b").count("\n") == 1
    assert say("cl").count("deleted breakpoint") == 2
    assert say("b").startswith("no breakpoints")


def test_looking_around(say, tmp_path):
    say("j 5")
    assert say("w").splitlines()[0] == "  f = v2 / v6 = 0.4135   grad 1"
    assert say("w").splitlines()[-1].startswith("> ")
    assert say("u").splitlines()[-2].startswith("> ")
    assert say("d").splitlines()[-1].startswith("> ")
    assert "-> [6/11]" in say("l")
    assert say("l all").count("[") == 7 + 11 and say("l").count("[") == 7
    assert say("l 99") == "*** l takes a step from 1 to 11, or all, not '99'"
    assert "x.grad = 0.5348, the sum over 3 paths" in say("why x")
    assert "  … and 2 more paths: " in say("why x 1")
    assert "v4 = x + y = 2 + (-4) = -2" in say("forward")
    assert say("display x.grad") == "display x.grad: ·"
    assert "display x.grad: 0.33884" in say("s")
    assert say("undisplay x.grad") == ""
    assert say("pp [x.data, y.data]") == "[2.0, -4.0]"
    assert say("html out.html") == "saved out.html" and (tmp_path / "out.html").exists()
    assert say("svg out.svg") == "saved out.svg" and "<svg" in (tmp_path / "out.svg").read_text()


def test_python_at_the_prompt_knows_names_and_what_it_assigned(say):
    say("s 6")
    assert say("other + 1") == "42"
    assert say("kept = x.grad * 2") == ""
    assert say("kept == 2 * x.grad") == "True"


def test_help_for_all_and_for_one(say):
    assert say("help").count("\n") > 25
    assert say("help b").startswith("b(reak) [WHERE]")


def test_wrong_commands_say_what_is_wrong(say):
    assert say("b nowhere").startswith("*** no node is called 'nowhere': there are 'x', 'y', ")
    assert say("b xx") == "*** no node is called 'xx': did you mean 'x'?"
    assert say("b grad >").startswith("*** 'grad >' is not a Python expression")
    assert say("j 99") == "*** j takes a step from 0 to 11, or from f0 to f7, not '99'"
    assert say("s nine") == "*** a number is 1 or more, not 'nine'"
    assert say("nonsense") == "*** NameError: name 'nonsense' is not defined"
    assert say("contine") == "*** NameError: name 'contine' is not defined (did you mean 'continue'?)"
    assert say("condition") == "*** condition takes a breakpoint's number: condition 1 grad > 2; b lists them"
    assert "a node of the record has data, grad, name and op, and x no 'foo'" in say("x.foo")
    assert say("1/0").startswith("*** ZeroDivisionError")
    assert say("cl 9") == "*** there is no breakpoint '9'; b lists them"
    assert say("why") != "" and say("help nope") == "*** no command is called 'nope'; help lists them"
    assert say("help nxet") == "*** no command is called 'nxet' (did you mean 'next'?); help lists them"
    assert say("p") == "*** give an expression, such as p x.grad"
    assert say("undisplay z") == "*** 'z' is not displayed; display lists what is"
    assert say("tree zz").startswith("*** no node is called 'zz'")
    assert say("svg /no/such/folder/x.svg").startswith("*** ")


def test_moves_past_the_ends_say_where_they_are(say):
    say("j f")
    for back in ("rs", "rn", "rr", "rc"):
        assert say(back) == "*** this is the start: nothing is computed yet"
    say("c")
    assert "backward is done" in say("c")
    assert say("s") == "*** backward is done: every gradient is there (rs goes back, q leaves)"
    assert say("unt x").startswith("*** the gradient of x is complete already; j 9 goes back to it")


def test_completion_offers_commands_and_names(tmp_path):
    say = Terminal(tmp_path)
    say.child.send("dis\t")
    say.child.expect_exact("display")
    say.child.sendcontrol("u")
    say.child.send("why oth\t\t")
    say.child.sendcontrol("u")
    prompt = Prompt(trace(Value(2.0, label="alpha") * Value(3.0, label="beta")))
    assert prompt.completedefault("al") == ["alpha"]
    assert set(prompt.completenames("b")) >= {"b", "beta"}
    assert say("1 + 1").endswith("2")
    say.quit()


def test_leaving_by_end_of_file_and_by_interrupt(tmp_path):
    say = Terminal(tmp_path)
    say.child.send("half a li")
    say.child.expect_exact("half a li")
    say.child.sendintr()
    say.child.expect_exact("--KeyboardInterrupt--\r\n(grad) ")
    say.child.sendline(r"""exec("print('loop' 'ing', flush=True)\nwhile True: pass")""")
    say.child.expect_exact("looping")
    say.child.sendintr()
    say.child.expect_exact("--KeyboardInterrupt--\r\n(grad) ")
    assert say("1 + 1") == "2"
    say.child.sendeof()
    say.child.expect(pexpect.EOF)
    assert "x.grad is 0.0" in say.child.before


def test_r_finishes_a_neuron_and_a_layer():
    net = MLP(2, [2, 1], rng=random.Random(1))
    prompt = Prompt(trace(net([0.5, -0.25])), stdin=io.StringIO(), stdout=io.StringIO())
    nodes = prompt.trace.graph.nodes
    neuron_of = [nodes[step.sender].group.neuron for step in prompt.trace]
    assert neuron_of[0] == "layers.1.neurons.0"
    prompt.onecmd("r")
    assert "layers.1.neurons.0" not in neuron_of[prompt.position :]
    assert neuron_of[prompt.position - 1] == "layers.1.neurons.0"
    prompt.onecmd("rr")
    assert prompt.position == 0
    prompt.onecmd("r layer")
    assert "layers.1.neurons.0" not in neuron_of[prompt.position :]
    prompt.onecmd("r layer")
    assert prompt.position == len(prompt.trace)


def test_the_users_own_names_show_the_trace_s_gradients():
    x, y = Value(2.0, label="inp"), Value(3.0)
    names = {"x": x, "alias": y, "y": y, "both": [x, y]}
    out = session(x * y, "c", "p x.grad", "p y.grad", "both[1].grad", "alias.grad", "q", names=names)
    assert out.split("q leaves)")[1].split() == "(grad) 3.0 (grad) 2.0 (grad) 2.0 (grad) 2.0 (grad)".split()
    net = MLP(1, [1], rng=random.Random(0))
    out = session(net([2.0]), "c", "p layers.0.neurons.0.w.0.grad", "layers.0.neurons.0.b.grad + 1", "q")
    assert "2.0" in out.split("goes back")[1]


def test_nothing_typed_leaves_the_prompt():
    x = Value(2.0, label="x")
    bad = type("Bad", (), {"__repr__": lambda self: 1 / 0})()
    lines = ["p exit()", "bad", "b " + "-" * 50_000 + "1", "x.grad = 9", "x = 3", "n junk", "h", "h s", "q"]
    out = session(x * x, *lines, names={"bad": bad})
    assert "SystemExit" in out and "ZeroDivisionError" in out
    assert "x is part of a record" in out and "x is a node of this record" in out
    assert "n takes nothing after it" in out
    assert out.count("(grad) ") == len(lines)


def test_exit_leaves_the_prompt_and_nothing_else(tmp_path):
    for line in ("exit()", "quit()", "!exit(3)"):
        session = Terminal(tmp_path)
        session.child.sendline(line)
        session.child.expect_exact("left, and x.grad is 0.0")  # the program around it goes on


def test_nodes_named_like_commands():
    n, c = Value(2.0, label="n"), Value(3.0, label="c")
    out = session(n * c, "n+1", "c/2", "p(n.data)", "n * c", "q")
    assert "c, n: a command here; p c shows the node" in out
    assert out.split("shows the node")[1].split() == "(grad) 3.0 (grad) 1.5 (grad) 2.0 (grad) 6.0 (grad)".split()


def test_nan_breakpoints_stop_where_it_begins():
    x = Value(1e200, label="x")
    y = x * x
    y.label = "y"
    z = y - y
    out = session(z, "b nan", "c", "q")
    assert "breakpoint 1  break  nan" in out
    assert "y: data=inf" in session(z, "b nan", "c", "p y", "q")


def test_commands_that_look_like_names_are_python_where_python_follows():
    b = Value(2.0, label="b")
    out = session(b * b, "b.data", "b = 5", "!b.data + 1", "p b.data", "b == b", "q")
    assert "2.0" in out and "3.0" in out and "breakpoints" not in out


def test_every_command_has_help_and_every_long_name_a_command():
    prompt = Prompt(trace(Value(1.0) * 2), stdin=io.StringIO(), stdout=io.StringIO())
    commands = [name for name in dir(prompt) if name.startswith("do_")]
    assert all(getattr(prompt, name).__doc__ for name in commands)
    assert all(hasattr(prompt, f"do_{short.split()[0]}") for short in LONG.values())
    required = "s n r c unt rs rn rc j b tbreak cl condition w u d l p pp display undisplay why forward tree svg html q"
    assert {f"do_{name}" for name in required.split()} <= set(commands)


def test_a_trace_without_steps():
    assert "backward is done" in session(Value(3.0, label="x"), "s", "w", "l", "n", "c", "rs", "why x", "tree", "q")
    with pytest.raises(ValueError) as caught:
        Value(-1.0, label="x").log()
    out = session(caught.value, "forward", "s", "q")
    assert "forward failed, so there is no backward" in out and "failed: log(x)" in out


def test_conditions_that_fail_stop_and_say_so():
    stops = Breakpoints(trace((Value(2.0, label="x") * 3.0).tanh()))
    item = stops.add("grad > 1 / 0")
    assert stops.at(0) == (item, "ZeroDivisionError: division by zero")


def test_conditions_know_nodes_and_are_checked_when_set():
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    stops = Breakpoints(trace((x * y) + x))
    item = stops.add("x.grad > 3")
    assert [bool(stops.at(position)) for position in range(4)] == [False, False, True, True]
    stops.remove(item)
    with pytest.raises(ValueError, match=r"nothing is called 'd': use op, .* or a node such as x\.grad"):
        stops.add("d.grad > 1")
    with pytest.raises(ValueError, match="no operation here is called 'foo'; there are \\*, \\+"):
        stops.add("op==foo")
    stops.add("any(grad > k for k in (1, 2))")
    assert stops.at(2)
    item = stops.add("y")
    stops.set_condition(str(item.number), "math.log(contribution) > -9")  # asked only at y
    assert stops.at(0) is None


def test_nan_stops_where_the_result_itself_is_infinite():
    x = Value(1e200, label="x")
    stops = Breakpoints(trace(x * x))
    stops.add("nan")
    assert stops.at(0)


def test_large_graphs_step_quickly():
    net = MLP(3, [16, 16, 1], rng=random.Random(0))
    out = session(sigmoid(net([1.0, 2.0, 3.0])), "n", "r", "b layers.0.neurons.3.w.1", "c", "w", "l", "c", "q")
    assert out.count("layers.0.neurons.3.w.1.grad = ") == 2
