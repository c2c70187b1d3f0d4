import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.daemon.mailbox import Mailbox

WAIT_S = 10.0
NOW_S = 0.0

moves = st.lists(st.sampled_from(["put", "take"]), max_size=40)


@given(moves, st.integers(1, 4))
def test_overwriting_mailbox_holds_the_newest_and_counts_the_rest(moves: list[str], capacity: int) -> None:
    mailbox: Mailbox[int] = Mailbox(capacity=capacity)
    model: deque[int] = deque(maxlen=capacity)
    put, taken = 0, []
    for move in moves:
        if move == "put":
            mailbox.put(put)
            model.append(put)
            put += 1
        else:
            item = mailbox.take(NOW_S)
            assert item == (model.popleft() if model else None)
            if item is not None:
                taken.append(item)
    assert taken == sorted(set(taken))
    assert put == len(taken) + len(model) + mailbox.dropped


@given(st.lists(st.integers(), max_size=50), st.integers(1, 4))
def test_waiting_mailbox_hands_over_everything_in_order(items: list[int], capacity: int) -> None:
    mailbox: Mailbox[int] = Mailbox(capacity=capacity, overwrite=False)

    def put_all() -> None:
        for item in items:
            mailbox.put(item)
        mailbox.finish()

    putter = threading.Thread(target=put_all)
    putter.start()
    assert [mailbox.take(WAIT_S) for _ in items] == items
    with pytest.raises(EOFError):
        mailbox.take(WAIT_S)
    putter.join(WAIT_S)
    assert mailbox.dropped == 0


def test_the_same_item_is_never_taken_twice() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.put("frame")
    assert mailbox.take(NOW_S) == "frame"
    assert mailbox.take(NOW_S) is None


def test_what_waits_when_the_feed_ends_is_still_taken() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.put("last")
    mailbox.finish()
    assert mailbox.take(NOW_S) == "last"
    with pytest.raises(EOFError):
        mailbox.take(NOW_S)


def test_closing_drops_what_waits_and_counts_it() -> None:
    mailbox: Mailbox[str] = Mailbox(capacity=3, overwrite=False)
    mailbox.put("a")
    mailbox.put("b")
    mailbox.close()
    mailbox.close()
    assert mailbox.dropped == 2
    with pytest.raises(EOFError):
        mailbox.take(NOW_S)
    with pytest.raises(EOFError):
        mailbox.put("c")


@pytest.mark.parametrize("end", ["finish", "close"])
@pytest.mark.parametrize("waiting", ["put", "take"])
def test_the_end_lets_go_whoever_waits(waiting: str, end: str) -> None:
    mailbox: Mailbox[str] = Mailbox(overwrite=False)
    about_to_wait, let_go = threading.Event(), threading.Event()

    def wait() -> None:
        about_to_wait.set()
        with pytest.raises(EOFError):
            mailbox.put("more") if waiting == "put" else mailbox.take(WAIT_S)
        let_go.set()

    if waiting == "put":
        mailbox.put("full")
    waiter = threading.Thread(target=wait)
    waiter.start()
    assert about_to_wait.wait(WAIT_S)
    getattr(mailbox, end)()
    assert let_go.wait(WAIT_S)
    waiter.join(WAIT_S)


def test_a_waiting_put_goes_on_when_there_is_room() -> None:
    mailbox: Mailbox[int] = Mailbox(overwrite=False)
    mailbox.put(1)
    putter = threading.Thread(target=mailbox.put, args=[2])
    putter.start()
    assert [mailbox.take(WAIT_S), mailbox.take(WAIT_S)] == [1, 2]
    putter.join(WAIT_S)
    assert not putter.is_alive()
