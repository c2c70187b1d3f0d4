"""The exchange: questions to journals, each put through to the daemon that can answer it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import zmq

from nanotally.daemon.forward.inlet import Inlet
from nanotally.daemon.gate import Gate
from nanotally.daemon.publish import bind
from nanotally.daemon.refusals import Refusals
from nanotally.daemon.replay import LONGEST_QUESTION, WAITING_ANSWERS, Question
from nanotally.errors import ConfigError, WireError
from nanotally.wire.replay import encode_fault


class Exchange:
    """A ROUTER socket for all journals. Used by the forwarder's thread.

    Attributes:
        socket: for whoever polls it.
        endpoint: that was bound, with the port that the system chose where it was asked to.
        refusals: what was asked and could not be put through.
    """

    def __init__(self, endpoint: str, inlets: Mapping[str, Inlet], *, gate: Gate) -> None:
        """Bind `endpoint` behind a gate.

        Raises:
            ConfigError: if it cannot be bound.
        """
        self._inlets = inlets
        self.refusals = Refusals("replay")
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.sndhwm = WAITING_ANSWERS
        self.socket.maxmsgsize = LONGEST_QUESTION
        self._unguard = gate.guard(self.socket)
        try:
            self.endpoint = bind(self.socket, endpoint, key="replay.endpoint")
        except ConfigError:
            self.close()
            raise

    def put_through(self) -> None:
        """Pass the next question on, in its envelope, or say why that cannot be."""
        *envelope, question = self.socket.recv_multipart()
        try:
            inlet = self._whose(question)
            if inlet.journal is None:
                raise WireError(f"{inlet.name} has not told where its journal is, or keeps none")
            inlet.journal.socket.send_multipart([*envelope, question], zmq.NOBLOCK)
        except zmq.Again:
            fault = f"the journal of {inlet.name} cannot be reached, or is too busy"
        except WireError as error:
            fault = str(error)
        else:
            return
        self.refusals.add(fault)
        self.socket.send_multipart([*envelope, *encode_fault(fault)])

    def _whose(self, raw: bytes) -> Inlet:
        """The daemon that a question is for."""
        try:
            question = msgspec.json.decode(raw, type=Question)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise WireError(f"not a question: {error}") from error
        if question.instance is not None:
            found = [name for name in self._inlets if name == question.instance]
        else:
            found = [name for name, inlet in self._inlets.items() if question.source in inlet.sources]
        if len(found) == 1:
            return self._inlets[found[0]]
        if question.instance is not None:
            raise WireError(f"no instance {question.instance[:40]!r}; there are {', '.join(self._inlets)}")
        if not found:
            raise WireError(f"nobody has told of a source {question.source[:40]!r}")
        raise WireError(f"{', '.join(found)} have a source {question.source!r}: say which in the key `instance`")

    def hand_back(self, inlet: Inlet) -> None:
        """Pass the next answer of a journal on to who asked; nobody, if he has gone meanwhile."""
        if inlet.journal is not None:
            self.socket.send_multipart(inlet.journal.socket.recv_multipart())

    def close(self) -> None:
        """Give the endpoint back."""
        self.socket.close()
        self._unguard()
        self._context.term()
