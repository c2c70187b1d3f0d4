import os
import stat
from pathlib import Path

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from locked import make_locks

from nanotally.errors import ConfigError, UsageError
from nanotally.wire import ClientKeys
from nanotally.wire.curve import KeyPair, make_keys, read_pair, read_public


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_pair_comes_back_from_its_files(tmp_path: Path) -> None:
    public, secret = make_keys(tmp_path / "new" / "folder", "anna")
    pair = read_pair(secret)
    assert (public.name, secret.name) == ("anna.key", "anna.key_secret")
    assert zmq.curve_public(pair.secret) == pair.public == read_public(public)
    assert sorted(path.name for path in public.parent.iterdir()) == ["anna.key", "anna.key_secret"]


def test_other_programs_read_the_files(tmp_path: Path) -> None:
    public, secret = make_keys(tmp_path, "anna")
    pair = read_pair(secret)
    assert zmq.auth.load_certificate(public) == (pair.public, None)
    assert zmq.auth.load_certificate(secret) == (pair.public, pair.secret)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_secret_is_never_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int) -> None:
    """Looked at in every moment in which a file comes to be: when it is opened, and when it is there."""
    seen: list[int] = []
    opened = os.open

    def watching(path: str, *args: int, **options: int) -> int:
        descriptor = opened(path, *args, **options)
        if str(path).endswith("key_secret"):
            seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", watching)
    before = os.umask(umask)
    try:
        public, secret = make_keys(tmp_path, "anna")
    finally:
        os.umask(before)
    assert seen == [0o600]
    assert mode_of(secret) == 0o600
    assert mode_of(public) == 0o644 & ~umask


@pytest.mark.parametrize("suffix", [".key", ".key_secret"])
def test_no_key_is_overwritten(tmp_path: Path, suffix: str) -> None:
    for path in make_keys(tmp_path, "anna"):
        if path.suffix != suffix:
            path.unlink()
    (left,) = tmp_path.iterdir()
    before = left.read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        make_keys(tmp_path, "anna")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize("name", ["", "Anna", "a/b", "..", "a b", "x" * 33])
def test_name_is_one_of_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a key"):
        make_keys(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file: no key can be written"):
        make_keys(tmp_path / "file", "anna")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o644])
def test_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    _, secret = make_keys(tmp_path, "anna")
    secret.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_pair(secret)


def test_credential_that_systemd_hands_over_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to root, has mode 0440, and its access list has the service's user."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of root's")
    _, secret = make_keys(tmp_path, "anna")
    secret.chmod(0o440)
    monkeypatch.setattr(os, "geteuid", lambda: 64321)
    assert read_pair(secret).public
    secret.chmod(0o444)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_pair(secret)


def test_files_that_are_mixed_up_are_told_apart(tmp_path: Path) -> None:
    public, secret = make_keys(tmp_path, "anna")
    with pytest.raises(ConfigError, match=r"anna.key: holds no secret key; the secret one ends with .key_secret"):
        read_pair(public)
    with pytest.raises(ConfigError, match=r"anna.key_secret: holds a secret key; only the file that ends with .key"):
        ClientKeys.read(secret, secret)
    with pytest.raises(ConfigError, match=r"nowhere.key: No such file or directory; `nanotally keys` makes"):
        ClientKeys.read(secret, tmp_path / "nowhere.key")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_public(tmp_path)


def test_halves_of_two_pairs_are_no_pair(tmp_path: Path) -> None:
    locks = make_locks(tmp_path)
    path = tmp_path / "anna.key_secret"
    path.write_bytes(path.read_bytes().replace(locks.anna.own.public, locks.bert.own.public))
    with pytest.raises(ConfigError, match="not a pair"):
        read_pair(path)


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda key: b'public-key = "' + key + b'"')))
def test_whatever_is_in_a_file_is_a_key_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"any.key: is no key file"):
        read_public(path)


def test_secret_is_not_shown() -> None:
    assert "abc" not in repr(ClientKeys(KeyPair(b"public", b"abc"), b"server"))
