"""Writing in the background: one job at a time, in order, and no error lost."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from threading import Event, current_thread, main_thread

import pytest

from strongbox.checkpoints import BackgroundWriter
from strongbox.errors import CheckpointError, StrongboxWarning


class Broken(Exception):
    pass


def fail() -> None:
    raise Broken("the disk is gone")


def test_jobs_are_done_in_order_in_one_other_thread() -> None:
    done: list[tuple[int, str]] = []

    def note(number: int) -> None:
        done.append((number, current_thread().name))

    with BackgroundWriter() as writer:
        for number in range(20):
            assert writer.submit(partial(note, number))
    assert [number for number, _ in done] == list(range(20))
    assert len({name for _, name in done} - {main_thread().name}) == 1


def test_a_job_that_comes_while_one_is_under_way_waits_or_is_skipped() -> None:
    begun, go_on = Event(), Event()
    done: list[str] = []

    def slow() -> None:
        begun.set()
        assert go_on.wait(60)
        done.append("slow")

    with BackgroundWriter() as writer:
        assert writer.submit(slow)
        assert begun.wait(60)
        assert writer.busy
        assert writer.submit(lambda: done.append("skipped"), wait=False) is False
        go_on.set()
        assert writer.submit(lambda: done.append("waited"))
        writer.wait()
        assert not writer.busy
        assert writer.submit(lambda: done.append("last"), wait=False)
    assert done == ["slow", "waited", "last"]


def test_an_error_is_raised_once_by_the_next_call_which_begins_nothing() -> None:
    done: list[int] = []
    writer = BackgroundWriter()
    writer.submit(fail)
    with pytest.raises(Broken, match="the disk is gone"):
        writer.submit(lambda: done.append(1))
    writer.submit(lambda: done.append(2))
    writer.close()
    assert done == [2]


@pytest.mark.parametrize("call", ["wait", "close"])
def test_an_error_of_the_last_job_is_raised_at_the_end(call: str) -> None:
    writer = BackgroundWriter()
    writer.submit(fail)
    with pytest.raises(Broken):
        getattr(writer, call)()
    writer.close()
    writer.close()


def test_an_error_that_was_not_waited_for_is_not_hidden_by_a_skip() -> None:
    writer = BackgroundWriter()
    writer.submit(fail)
    with pytest.raises(Broken):
        submit_until_taken(writer)
    writer.close()


def submit_until_taken(writer: BackgroundWriter) -> None:
    while writer.submit(lambda: None, wait=False) is False:
        pass


def test_the_end_of_a_block_raises_what_a_job_raised() -> None:
    with pytest.raises(Broken), BackgroundWriter() as writer:
        writer.submit(fail)


def test_even_an_exit_in_a_job_is_told() -> None:
    writer = BackgroundWriter()
    writer.submit(lambda: sys.exit(3))
    with pytest.raises(SystemExit):
        writer.close()


def test_after_the_end_nothing_is_taken() -> None:
    writer = BackgroundWriter()
    writer.close()
    with pytest.raises(CheckpointError, match="expected a writer that is open, found one that was closed"):
        writer.submit(fail)


def test_an_error_that_nobody_asked_for_is_told_when_the_writer_goes() -> None:
    writers = [BackgroundWriter()]
    writers[0].submit(fail)
    with pytest.warns(StrongboxWarning, match="a checkpoint was not written: the disk is gone"):
        writers.clear()


def test_a_writer_that_is_collected_by_its_own_job_does_not_wait_for_itself() -> None:
    writers, done = [BackgroundWriter()], Event()

    def forget() -> None:
        writers.clear()
        done.set()

    writers[0].submit(forget)
    assert done.wait(60)


LAST = """
import sys
from strongbox.checkpoints import BackgroundWriter
writer = BackgroundWriter()
def job():
    for _ in range(200_000): pass
    {action}
writer.submit(job)
"""


@pytest.mark.parametrize(
    ("action", "told"),
    [("sys.stderr.write('written')", "written"), ("raise OSError('full')", "a checkpoint was not written: full")],
)
def test_the_interpreter_waits_for_the_last_job_and_tells_of_its_error(action: str, told: str) -> None:
    command = [sys.executable, "-c", LAST.format(action=action)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert told in done.stderr
