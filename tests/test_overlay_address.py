from __future__ import annotations

from pathlib import Path

import pytest
from locked import make_locks

from nanotally.errors import UsageError
from nanotally.overlay.address import Address, ControlAddress, addresses, by_instance, control_addresses
from nanotally.overlay.beside import reached
from nanotally.overlay.bind import Bind


def test_without_words_it_is_the_daemon_of_this_machine() -> None:
    assert addresses([]) == [Address("tcp://127.0.0.1:5757", "tcp://127.0.0.1:5759")]


def test_control_is_two_ports_above_unless_told() -> None:
    found = addresses(["tcp://a.example:5767", "tcp://b.example:1", "ipc:///c"], control=["ipc:///other"])
    assert [address.control for address in found] == ["ipc:///other", "tcp://b.example:3", None]


def test_keys_are_for_all_or_one_for_each(tmp_path: Path) -> None:
    locks = make_locks(tmp_path)
    both = ["tcp://a.example:1", "tcp://b.example:1"]
    assert [address.keys for address in addresses(both, keys=[locks.anna])] == [locks.anna] * 2
    assert [address.keys for address in addresses(both, keys=[locks.anna, locks.bert])] == [locks.anna, locks.bert]
    with pytest.raises(UsageError, match="one for each of 3"):
        addresses([*both, "ipc:///c"], keys=[locks.anna, locks.bert])


@pytest.mark.parametrize(
    "words",
    [
        {"publish": ["nowhere"]},
        {"publish": ["tcp://a.example"]},
        {"publish": ["ipc:///a"], "control": ["x"]},
        {"publish": ["ipc:///a"], "replay": ["tcp://:x"]},
    ],
)
def test_what_is_no_endpoint_is_an_error(words: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError, match="not an endpoint such as tcp://127"):
        addresses(**words)


def test_more_endpoints_than_daemons_is_an_error() -> None:
    with pytest.raises(UsageError, match="--control: given 2 times for 1 daemons"):
        addresses(["ipc:///a"], control=["ipc:///b", "ipc:///c"])


def test_what_is_of_an_instance_is_told_from_what_is_of_an_address() -> None:
    in_order, named = by_instance(["sem1=tcp://a.example:5759", "ipc:///a=b", "tcp://b.example:1", "sem_2=ipc:///c=d"])
    assert in_order == ["ipc:///a=b", "tcp://b.example:1"]
    assert named == {"sem1": "tcp://a.example:5759", "sem_2": "ipc:///c=d"}


def test_daemons_behind_a_forwarder_take_requests_where_they_are_said_to(tmp_path: Path) -> None:
    locks = make_locks(tmp_path)
    told = control_addresses({"sem1": "tcp://a.example:5759", "sem2": "ipc:///b"}, keys={"sem1": locks.anna})
    assert told == {
        "sem1": ControlAddress("tcp://a.example:5759", locks.anna),
        "sem2": ControlAddress("ipc:///b"),
    }
    with pytest.raises(UsageError, match="nowhere: not an endpoint such as tcp://127"):
        control_addresses({"sem1": "nowhere"})
    with pytest.raises(UsageError, match="say where sem3 takes requests: --control sem3=ENDPOINT"):
        control_addresses({}, keys={"sem3": locks.anna})


@pytest.mark.parametrize(
    ("text", "bind", "loopback"),
    [
        ("127.0.0.1:8078", Bind("127.0.0.1", 8078), True),
        ("localhost:0", Bind("localhost", 0), True),
        ("[::1]:80", Bind("::1", 80), True),
        ("0.0.0.0:80", Bind("0.0.0.0", 80), False),
        ("[::]:80", Bind("::", 80), False),
        ("127.0.0.1.example:80", Bind("127.0.0.1.example", 80), False),
    ],
)
def test_where_the_page_is_and_who_reaches_it(text: str, bind: Bind, loopback: bool) -> None:
    assert Bind.parse(text) == bind
    assert str(bind) == text
    assert bind.is_loopback is loopback


@pytest.mark.parametrize("text", ["", "8078", ":8078", "a:", "a:b", "a:65536", "a:-1", "a:٣"])
def test_what_is_no_place_to_bind_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="not HOST:PORT"):
        Bind.parse(text)


def test_what_listens_everywhere_is_reached_here() -> None:
    assert reached("tcp://0.0.0.0:5757") == "tcp://127.0.0.1:5757"
    assert reached("tcp://[::]:5757") == "tcp://[::1]:5757"
    assert reached("ipc:///run/a") == "ipc:///run/a"
    with pytest.raises(UsageError, match="no port that could be known"):
        reached("tcp://127.0.0.1:*")
