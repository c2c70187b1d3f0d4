"""CURVE: key pairs in files, and what a socket is told so that both ends know each other.

The files are those of `zmq.auth`: NAME.key has the public key and is given away, NAME.key_secret has both and is not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from struct import error as StructError  # noqa: N812 - it is called like any variable
from tempfile import TemporaryDirectory

import zmq
from zmq.auth import create_certificates, load_certificate
from zmq.utils import z85

from nanotally.errors import ConfigError, UsageError
from nanotally.wire.topics import NAME

PUBLIC, SECRET = ".key", ".key_secret"

DOMAIN = b"nanotally"
"""Under which a guarded socket asks whether a key may come in."""


@dataclass(frozen=True)
class KeyPair:
    """One end of a connection.

    Attributes:
        public, secret: keys in Z85, 40 bytes.
    """

    public: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class ClientKeys:
    """What a client needs to connect to a daemon that wants keys.

    Attributes:
        own: its pair.
        server: public key of the daemon, by which it knows that it talks to the right one.
    """

    own: KeyPair
    server: bytes

    @classmethod
    def read(cls, own: Path, server: Path) -> ClientKeys:
        """Read the client's secret key file and the daemon's public one.

        Raises:
            ConfigError: if one of them cannot be used.
        """
        return cls(read_pair(own), read_public(server))


def secure_server(socket: zmq.Socket[bytes], pair: KeyPair) -> None:
    """Let only keys in that a ZAP handler allows; before the socket is bound. Without a handler nobody comes in."""
    socket.curve_server = True
    socket.curve_publickey, socket.curve_secretkey = pair.public, pair.secret
    socket.zap_domain = DOMAIN
    # Without it libzmq lets everybody in while there is no handler.
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)


def secure_client(socket: zmq.Socket[bytes], keys: ClientKeys | None) -> None:
    """Connect with these keys; before the socket connects. None: without any."""
    if keys is not None:
        socket.curve_publickey, socket.curve_secretkey = keys.own.public, keys.own.secret
        socket.curve_serverkey = keys.server


def make_keys(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a new pair; the paths of the public and of the secret file, which is of mode 0600 from its first moment.

    Raises:
        UsageError: if `name` cannot be one.
        ConfigError: if there is such a key already, or `folder` cannot be written.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a key: 1 to 32 of a-z, 0-9, _ and -")
    public, secret = folder / (name + PUBLIC), folder / (name + SECRET)
    for path in (public, secret):
        if path.exists():
            raise ConfigError(f"{path} is there already, and no key is overwritten: take another name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as closed:  # the library itself leaves its files open to all
            made_public, made_secret = map(Path, create_certificates(closed, name))
            _write_new(secret, made_secret.read_bytes(), mode=0o600)
            _write_new(public, made_public.read_bytes(), mode=0o644)
    except OSError as error:
        raise ConfigError(f"{error.filename or folder}: no key can be written: {error.strerror}") from error
    return public, secret


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def read_pair(path: Path) -> KeyPair:
    """Pair of a secret key file.

    Raises:
        ConfigError: if it cannot be read, holds no pair, or can be read by others.
    """
    public, secret = _load(path)
    if secret is None:
        raise ConfigError(f"{path}: holds no secret key; the secret one ends with {SECRET}")
    if _is_open(path):
        raise ConfigError(f"{path}: a secret key that others can read; chmod 600 {path}, or make a new one")
    if zmq.curve_public(secret) != public:
        raise ConfigError(f"{path}: the public and the secret key are not a pair; copy the file again")
    return KeyPair(public, secret)


def read_public(path: Path) -> bytes:
    """Public key of a public key file, in Z85.

    Raises:
        ConfigError: if it cannot be read, holds no key, or a secret one: that does not belong where others read it.
    """
    public, secret = _load(path)
    if secret is not None:
        raise ConfigError(f"{path}: holds a secret key; only the file that ends with {PUBLIC} is to be given away")
    return public


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        path.stat()  # the library would not say what is wrong with it
        public, secret = load_certificate(path)
        for key in (public, secret or public):
            if len(z85.decode(key)) != 32:
                raise ValueError(key)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; `nanotally keys` makes key files") from error
    except (ValueError, KeyError, StructError) as error:
        raise ConfigError(f"{path}: is no key file; `nanotally keys` makes them") from error
    return public, secret


def _is_open(path: Path) -> bool:
    """Whether others can read a file. One of root may have a group: so systemd hands a service its credentials."""
    if os.name == "nt":
        return False  # there the mode says nothing
    facts = path.stat()
    of_root = facts.st_uid == 0 and os.geteuid() != 0
    return bool(facts.st_mode & (0o037 if of_root else 0o077))
