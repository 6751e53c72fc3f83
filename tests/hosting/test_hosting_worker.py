"""Threads that repeat a step: what fails is tried again, and stopping waits for no interval."""

import logging
import threading

from hosting.worker import Ticker, Worker

HOUR_S = 3600.0


class Broken:
    """Fails until told to work; says when it was called."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.calls = 0
        self.worked = threading.Event()

    def __call__(self) -> None:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise RuntimeError("the database is away")
        self.worked.set()


def stop(worker: Worker) -> None:
    worker.ask_to_stop()
    worker.join()
    assert not worker._thread.is_alive()


def test_an_action_that_fails_is_tried_again_before_its_next_time_and_logged_once(caplog):
    action = Broken(3)
    ticker = Ticker("counting", HOUR_S, action, at_once=True, pause_s=0.01)
    with caplog.at_level(logging.ERROR):
        ticker.start()
        assert action.worked.wait(20)
        stop(ticker)
    assert action.calls == 4
    assert [record.getMessage() for record in caplog.records] == [
        "counting failed and is tried again"
    ]


def test_stopping_waits_for_no_interval():
    action = Broken(0)
    ticker = Ticker("counting", HOUR_S, action, at_once=True)
    ticker.start()
    assert action.worked.wait(20)
    stop(ticker)
    assert action.calls == 1


def test_the_first_time_is_an_interval_after_the_start():
    action = Broken(0)
    ticker = Ticker("counting", HOUR_S, action)
    ticker.start()
    stop(ticker)
    assert action.calls == 0


def test_it_is_called_again_at_once_while_there_is_more():
    left = [True, True, False]
    done = threading.Event()

    def action() -> bool:
        more = left.pop(0)
        if not more:
            done.set()
        return more

    ticker = Ticker("letting go", HOUR_S, action, at_once=True)
    ticker.start()
    assert done.wait(20)
    stop(ticker)
    assert left == []


def test_one_that_was_never_started_can_be_stopped():
    worker = Worker("never", lambda: None)
    worker.ask_to_stop()
    worker.join()


def test_a_stuck_step_is_seen_and_one_that_waits_is_not():
    is_in, may_go = threading.Event(), threading.Event()

    def step() -> None:
        is_in.set()
        may_go.wait(20)

    stuck, resting = Worker("stuck", step), Ticker("resting", HOUR_S, lambda: None, at_once=True)
    assert stuck.busy_s() == 0
    stuck.start()
    resting.start()
    assert is_in.wait(20)
    before_s = stuck.busy_s()
    threading.Event().wait(0.05)
    assert stuck.busy_s() >= before_s + 0.05
    assert resting.busy_s() == 0
    may_go.set()
    stop(stuck)
    stop(resting)
    assert stuck.busy_s() == 0
