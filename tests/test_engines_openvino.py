import subprocess
import sys

SUCCESSORS = """
import gc, os, signal
from nanotally.bundle import load_bundle
from nanotally.detect import load_engine

first, second = (load_engine("openvino", load_bundle()) for _ in range(2))
first.close()
del first
gc.collect()
second.close()
del second
gc.collect()
signal.signal(signal.SIGTERM, lambda *_: print("heard", flush=True))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_process_whose_engines_followed_each_other_still_hears_signals() -> None:
    done = subprocess.run([sys.executable, "-c", SUCCESSORS], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr
