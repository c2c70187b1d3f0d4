"""Login: a password from a file, a signed cookie, and a delay that grows with every wrong try."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from nanotally.errors import ConfigError

COOKIE = "nanotally"
LASTS_S = 12 * 3600
"""A cookie is good for a working day, and until the overlay is started again."""

SHORTEST = 8
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
MOST_ADDRESSES = 1024
"""Of which wrong tries are remembered."""


def read_password(path: Path) -> str:
    """The first line of a password file.

    Raises:
        ConfigError: it cannot be read, others can read it, or the password is too short.
    """
    try:
        if path.stat().st_mode & 0o007:
            raise ConfigError(f"{path}: a password that others can read; chmod 600 {path}")
        password = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; write a password into it, and chmod 600 it") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8") from error
    if len(password) < SHORTEST:
        raise ConfigError(f"{path}: the password has {len(password)} characters; it needs {SHORTEST}")
    return password


@dataclass
class Tries:
    """Wrong tries from one address.

    Attributes:
        wrong: how many in a row.
        next_s: monotonic clock before which nothing is looked at.
    """

    wrong: int = 0
    next_s: float = 0.0


class Login:
    """Who may come in. A cookie tells when it was given; the signature has a key that this process drew."""

    def __init__(self, password: str | None) -> None:
        """Let everybody in who knows `password`; None: everybody."""
        self._password = password
        self._key = secrets.token_bytes(32)
        self._tries: OrderedDict[str, Tries] = OrderedDict()

    @property
    def has_password(self) -> bool:
        """Whether a password is asked for."""
        return self._password is not None

    def wait_s(self, address: str, now_s: float) -> float:
        """How long an address has to wait before its next try."""
        tries = self._tries.get(address)
        return 0.0 if tries is None else max(0.0, tries.next_s - now_s)

    def cookie(self, password: str, address: str, now_s: float) -> str | None:
        """A cookie for who has the password; None: it is wrong, and the next try has to wait longer."""
        wanted, given = (_digest(text) for text in (self._password or "", password))
        if self._password is not None and hmac.compare_digest(wanted, given):
            self._tries.pop(address, None)
            given_s = str(int(now_s))
            return f"{given_s}.{self._sign(given_s)}"
        tries = self._tries.setdefault(address, Tries())
        self._tries.move_to_end(address)
        tries.next_s = now_s + min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(tries.wrong, 6))
        tries.wrong += 1
        while len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        return None

    def lets_in(self, cookie: str | None, now_s: float) -> bool:
        """Whether who has this cookie may come in."""
        if self._password is None:
            return True
        given_s, _, signature = (cookie or "").partition(".")
        if not hmac.compare_digest(self._sign(given_s).encode(), signature.encode(errors="replace")):
            return False
        return now_s - int(given_s) < LASTS_S

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(errors="replace"), hashlib.sha256).hexdigest()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
