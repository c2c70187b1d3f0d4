"""Daemon and logger in processes of their own, made for being killed: a server with the imports done forks them."""

from __future__ import annotations

import logging
import multiprocessing
import sys
from pathlib import Path

from stand_in_daemon import StandIn

from nanotally.cli.log import log
from nanotally.daemon.config_file import read_config
from nanotally.daemon.service import Service
from nanotally.detect import Found
from nanotally.detections import Detections

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["nanotally.daemon.service", "nanotally.cli.log"])


class Few(StandIn):
    """Finds nothing: whatever is done with particles is not what is tried here."""

    def find(self, image: object) -> Found:
        return Found(Detections.empty(), False, 1, {})


def run_daemon(config: Path) -> None:
    logging.basicConfig(filename=config.with_suffix(".log"), level=logging.INFO)
    Service(read_config(config), Few).run()


def run_logger(endpoint: str, to: Path) -> None:
    with to.with_suffix(".txt").open("a") as sys.stderr:
        log(endpoint, to=to)
