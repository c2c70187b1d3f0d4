from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.errors import ConfigError
from nanotally.overlay.login import FIRST_DELAY_S, LASTS_S, LONGEST_DELAY_S, MOST_ADDRESSES, Login, read_password

PASSWORD = "correct horse"


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (b"correct horse\n", 0o644, "others can read; chmod 600"),
        (b"short\n", 0o600, "has 5 characters; it needs 8"),
        (b"\n" + b"x" * 20, 0o600, "has 0 characters"),
        (b"\xff" * 20, 0o600, "not a text file in UTF-8"),
        (None, 0o600, "No such file or directory; write a password into it"),
    ],
)
def test_password_file_that_is_none_is_an_error(
    tmp_path: Path, content: bytes | None, mode: int, complaint: str
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(ConfigError, match=complaint):
        read_password(path)


def test_password_is_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"  {PASSWORD} \nsecond line\n")
    path.chmod(0o600)
    assert read_password(path) == PASSWORD


def test_cookie_lets_in_for_a_working_day_and_this_process_only() -> None:
    login = Login(PASSWORD)
    cookie = login.cookie(PASSWORD, "a", 100.0)
    assert login.lets_in(cookie, 100.0 + LASTS_S - 1)
    assert not login.lets_in(cookie, 100.0 + LASTS_S + 1)
    assert not Login(PASSWORD).lets_in(cookie, 100.0)


@given(st.text() | st.none())
def test_no_other_cookie_lets_in(cookie: str | None) -> None:
    assert not Login(PASSWORD).lets_in(cookie, 0.0)


@given(st.data())
def test_no_changed_cookie_lets_in(data: st.DataObject) -> None:
    login = Login(PASSWORD)
    cookie = login.cookie(PASSWORD, "a", 5.0) or ""
    at = data.draw(st.integers(0, len(cookie) - 1))
    letter = data.draw(st.characters().filter(lambda letter: letter != cookie[at]))
    assert not login.lets_in(cookie[:at] + letter + cookie[at + 1 :], 5.0)


@given(st.text().filter(lambda text: text != PASSWORD))
def test_no_other_password_gives_a_cookie(password: str) -> None:
    assert Login(PASSWORD).cookie(password, "a", 0.0) is None


def test_without_a_password_everybody_is_in_and_nobody_logs_in() -> None:
    login = Login(None)
    assert login.lets_in(None, 0.0)
    assert login.cookie("", "a", 0.0) is None


def test_delay_grows_with_wrong_tries_and_ends_with_the_right_one() -> None:
    login, now_s, waits = Login(PASSWORD), 0.0, []
    for _ in range(200):
        login.cookie("wrong", "a", now_s)
        waits.append(login.wait_s("a", now_s))
        now_s += waits[-1]
    assert waits[:4] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S, 8 * FIRST_DELAY_S]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_DELAY_S
    assert login.wait_s("b", now_s) == 0
    assert login.cookie(PASSWORD, "a", now_s) is not None
    login.cookie("wrong", "a", now_s)
    assert login.wait_s("a", now_s) == FIRST_DELAY_S


def test_tries_of_many_addresses_do_not_fill_the_memory() -> None:
    login = Login(PASSWORD)
    for number in range(3 * MOST_ADDRESSES):
        login.cookie("wrong", str(number), 0.0)
    assert len(login._tries) == MOST_ADDRESSES
