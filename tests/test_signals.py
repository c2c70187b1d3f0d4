import os
import signal
import subprocess
import sys
import threading

import pytest

from nanotally.signals import calling_on_hangup, stopping_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_asks_to_stop_and_leaves_no_trace(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    asked = []
    with stopping_on_signals(lambda: asked.append(True)):
        assert signal.getsignal(number) is not before
        os.kill(os.getpid(), number)
        assert asked == [True]
    assert signal.getsignal(number) is before


def test_without_a_signal_nobody_is_asked() -> None:
    asked = []
    with stopping_on_signals(lambda: asked.append(True)):
        pass
    assert asked == []


def test_second_signal_ends_the_process_at_once() -> None:
    program = (
        "import os, signal, time\n"
        "from nanotally.signals import stopping_on_signals\n"
        "with stopping_on_signals(lambda: None):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(30)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=20, check=False)
    assert ended.returncode == -signal.SIGTERM


def test_other_threads_hear_no_signals() -> None:
    passed = threading.Event()

    def enter() -> None:
        with stopping_on_signals(lambda: None):
            passed.set()

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(10)
    assert passed.is_set()


def test_a_hangup_is_heard_every_time_and_ends_nothing() -> None:
    before = signal.getsignal(signal.SIGHUP)
    heard = []
    with calling_on_hangup(lambda: heard.append(True)):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
    assert heard == [True, True]
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_stop_ends_also_a_thread_that_never_hears_it() -> None:
    program = (
        "import os, signal, threading\n"
        "from nanotally.signals import stopping_on_signals\n"
        "with stopping_on_signals(lambda: None, within_s=0.2):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    threading.Event().wait()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, "something still runs 0.2 s after" in ended.stderr) == (0, True)


def test_a_block_that_ends_in_time_is_left_alone() -> None:
    with stopping_on_signals(lambda: None, within_s=30):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.set_wakeup_fd(-1) == -1
