"""What all tests share: where the real micrographs are, and what to skip where something is not to be had."""

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

# Where the tests are a shell's background job, SIGINT is ignored, also by the programs that they start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: a busy machine is not a bug. In CI the same examples every time, so red means changed code.
hypothesis.settings.register_profile(
    "nanotally", deadline=None, derandomize="CI" in os.environ, database=None, print_blob=True
)
hypothesis.settings.load_profile("nanotally")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with a reason, what needs real micrographs or the training libraries where they are absent."""
    absent = {}
    if not SHARED_DATA.is_dir():
        absent["real"] = "real micrographs: ../shared/data is not here"
    if find_spec("ultralytics") is None:
        absent["train"] = "ultralytics is not installed (the train extra)"
    for item in items:
        for marker, reason in absent.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real micrographs; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real micrographs: ../shared/data is not here")
    return SHARED_DATA
