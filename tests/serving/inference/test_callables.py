"""The private ways to run a graph: still there, equal to the public ones, and replaced by them where they are gone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from serving.inference import callables

pytestmark = pytest.mark.tensorflow

FEEDS, FETCHES = ("x:0", "text:0"), ("y:0", "upper:0")


class PublicOnly:
    """A session that has nothing but its public methods."""

    def __init__(self, session):
        self._real = session

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._real, name)


@pytest.fixture
def session():
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        text = tf.compat.v1.placeholder(tf.string, [None], "text")
        tf.add(0.5 * x, 2.0, name="y")
        tf.strings.upper(text, name="upper")
        turns = tf.compat.v1.placeholder(tf.int64, [], "turns")
        tf.identity(
            tf.while_loop(lambda index: index < turns, lambda index: index + 1, [tf.constant(0, tf.int64)]), "end"
        )
    with tf.compat.v1.Session(graph=graph) as session:
        yield session


def arrays() -> list[np.ndarray]:
    return [np.array([1.0, 2.0], np.float32), np.array([b"a", b"b\0"], object)]


def check(values) -> None:
    np.testing.assert_array_equal(values[0], [2.5, 3.0])
    assert list(values[1]) == [b"A", b"B\0"]


def test_tensorflow_still_has_the_private_methods(session):
    # Without them everything works as well, at a third of the speed; look for their successors.
    assert hasattr(session, "_make_callable_from_options")
    assert hasattr(session, "_call_tf_sessionrun")


@pytest.mark.parametrize("kind", [lambda session: session, PublicOnly])
def test_both_ways_give_the_graph_s_answers(session, kind):
    check(callables.in_callers_thread(kind(session), feeds=FEEDS, fetches=FETCHES)(arrays()))
    check(callables.within(kind(session), feeds=FEEDS, fetches=FETCHES)(arrays(), 60_000))


@pytest.mark.parametrize("kind", [lambda session: session, PublicOnly])
def test_a_run_is_cancelled_when_its_time_is_over(session, kind):
    run = callables.within(kind(session), feeds=("turns:0",), fetches=("end:0",))
    assert run([np.array(10, np.int64)], 60_000)[0] == 10
    with pytest.raises(tf.errors.DeadlineExceededError):
        run([np.array(10**15, np.int64)], 100)


def test_the_graph_s_own_error_comes_through(session):
    run = callables.in_callers_thread(session, feeds=FEEDS, fetches=FETCHES)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run([np.array([b"no number"], object), arrays()[1]])
