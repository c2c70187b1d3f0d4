"""A daemon with three sources and a logger, while things go wrong around it: nothing may grow, stop or be lost."""

from __future__ import annotations

import os
import platform
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import soak_verdict as verdict
import typer
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample as PageSample
from soak_faults import Faults
from soak_site import DAEMON, ENDS_WITHIN_S, INSTANCE, PUSHED, SAVED, STAGE, Site
from soak_verdict import Half, Sample

SAMPLE_EVERY_S = 1.0
FAULT_EVERY_S = 5.0
STARTS_WITHIN_S = 60.0

TOLD = {
    "frozen": ("stage frozen", "frames_not_counted_total", {"source": STAGE, "state": "frozen"}, "picture is frozen"),
    "no beam": ("stage blank", "frames_not_counted_total", {"source": STAGE, "state": "blank"}, "picture is blank"),
    "sender away": ("pushed lost", "source_reconnects_total", {"source": PUSHED}, "source pushed lost: "),
    "malformed": ("pushed dropped", "frames_dropped_total", {"source": PUSHED, "reason": "damaged"}, "over: zmq:"),
    "corrupt": ("saved dropped", "frames_dropped_total", {"source": SAVED, "reason": "damaged"}, "passed over: /"),
    "disk full": ("journal fault", "messages_not_journalled_total", {"source": STAGE}, "journal not written: "),
}
"""By fault: the state that subscribers are told, the metric that rises with its labels, and what the log says."""


@dataclass(frozen=True)
class Soak:
    """What came of a soak.

    Attributes:
        first, second: figures of the two halves.
        thrown: how many faults.
        said: lines of the daemon's log.
        missed: messages that a subscriber which keeps up did not get.
        exit_codes: of daemon and logger.
        untold: faults that were not told by state, metric and line.
        logged: by source, whether every committed message is in the log once; and messages logged.
    """

    first: Half
    second: Half
    thrown: int
    said: int
    missed: int
    exit_codes: tuple[int, int]
    untold: list[str]
    logged: Mapping[str, tuple[bool, int]]

    @property
    def verdicts(self) -> dict[str, bool]:
        """Whether nothing grew, stopped or was lost."""
        return {
            **verdict.judge(self.first, self.second),
            "every fault told": not self.untold,
            "every committed message logged once": all(whole and many for whole, many in self.logged.values()),
            "nothing missed": self.missed == 0,
            "ended in order": self.exit_codes == (0, 0),
        }


def soak(folder: Path, *, seconds: float, daemon: tuple[str, ...] = DAEMON) -> Soak:
    """Let a daemon run among faults for so long; what it leaves behind is in `folder`."""
    with closing(Site(folder, daemon)) as site:
        _wait_for_page(site)
        samples: list[Sample] = []
        page: list[PageSample] = []
        began_s = time.monotonic()
        with closing(Faults(site, every_s=FAULT_EVERY_S)) as faults:
            while time.monotonic() < began_s + seconds:
                time.sleep(SAMPLE_EVERY_S)
                samples.append(Sample.of(site.daemon.pid, time.monotonic() - site.began_s))
                page = _page(site)
        journal = folder / "journal" / INSTANCE
        _wait_until_logged(site, journal)
        exit_codes = site.end()
        logged = {
            source: (verdict.each_once(journal, site.log, source), len(verdict.logged(site.log, source)[0]))
            for source in (STAGE, SAVED, PUSHED)
        }
        first, second = verdict.halves(samples, site.heard.ages)
        untold = _untold(site, page)
        return Soak(first, second, faults.thrown, len(site.said), site.heard.missed, exit_codes, untold, logged)


def _page(site: Site) -> list[PageSample]:
    """The daemon's page, read as Prometheus does."""
    with urllib.request.urlopen(f"http://127.0.0.1:{site.ports['metrics']}/metrics", timeout=ENDS_WITHIN_S) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return [sample for family in families for sample in family.samples]


def _wait_for_page(site: Site) -> None:
    deadline_s = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline_s and site.daemon.poll() is None:
        with suppress(OSError):
            _page(site)
            return
        time.sleep(0.2)
    raise RuntimeError(f"the daemon does not start: {''.join(site.said[-5:])}")


def _wait_until_logged(site: Site, journal: Path) -> None:
    """Give the logger time to log all that is committed now."""
    newest = {source: max(verdict.committed(journal, source), default=0) for source in (STAGE, SAVED, PUSHED)}
    deadline_s = time.monotonic() + STARTS_WITHIN_S
    while any(max(verdict.logged(site.log, source)[0], default=0) < offset for source, offset in newest.items()):
        if time.monotonic() > deadline_s:
            return
        time.sleep(0.5)


def _untold(site: Site, page: Sequence[PageSample]) -> list[str]:
    log = "".join(site.said)
    untold = []
    for fault, (state, name, labels, line) in TOLD.items():
        risen = any(s.name == f"nanotally_{name}" and s.labels == labels and s.value > 0 for s in page)
        told = {"state": bool(site.heard.states[state]), "metric": risen, "line": line in log}
        untold += [f"{fault}: {way}" for way, said in told.items() if not said]
    return untold


def main(seconds: Annotated[float, typer.Option(min=30, help="How long.")] = 3600.0) -> None:
    """Print figures and verdicts; exit code 1 if one is bad."""
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as place:
        made = soak(Path(place), seconds=seconds)
    print(f"{_processor()}, {os.cpu_count()} cores, load {load[0]:.1f} before and {os.getloadavg()[0]:.1f} after")
    print(f"{seconds:.0f} s, {made.thrown} faults, {made.said} lines in the log, logged {made.logged}\n")
    print(f"{'':<20}{'first half':>16}{'second half':>16}")
    rows = {
        "memory, MB": "{0.memory_mb:.1f}",
        "descriptors (most)": "{0.descriptors[0]} ({0.descriptors[1]})",
        "threads (most)": "{0.threads[0]} ({0.threads[1]})",
        "age p50, ms": "{0.age_ms[0]:.1f}",
        "age p99, ms": "{0.age_ms[1]:.1f}",
        "frames": "{0.frames}",
    }
    for name, form in rows.items():
        print(f"{name:<20}{form.format(made.first):>16}{form.format(made.second):>16}")
    print()
    for name, good in made.verdicts.items():
        print(f"{'yes' if good else 'NO':<5}{name}")
    for fault in made.untold:
        print(f"not told: {fault}")
    raise SystemExit(not all(made.verdicts.values()))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    typer.run(main)
