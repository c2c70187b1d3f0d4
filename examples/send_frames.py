"""Push pictures from the microscope's PC to nanotally. Needs only `pip install numpy pyzmq`; Windows will do.

    python send_frames.py tcp://127.0.0.1:5758

At the other end runs `nanotally run --source zmq:tcp://127.0.0.1:5758`. Replace `grab` with what your microscope's
software offers. Every key of the header but `width` and `height` may be left out; docs/sources.md has them all.

A daemon with keys (docs/security.md) wants your own secret one, and you want its public one:

    python send_frames.py tcp://192.168.1.20:5758 anna.key_secret sem1.key
"""

import itertools
import json
import sys
import time

import numpy as np
import zmq
from zmq.auth import load_certificate


def grab(number):
    """A picture to try the way with: (height, width) uint8 or uint16, grey. Yours comes from the microscope."""
    y, x = np.mgrid[0:480, 0:640]
    particle = (x - 320 - 100 * np.cos(number / 10)) ** 2 + (y - 240) ** 2 < 20**2
    return np.where(particle, 200, 60).astype(np.uint8)


def send(socket, image, **facts):
    """Send one picture; False if nanotally is not there or not ready, and the picture was dropped."""
    header = {"width": image.shape[1], "height": image.shape[0], "dtype": str(image.dtype), **facts}
    try:
        socket.send_multipart([json.dumps(header).encode(), np.ascontiguousarray(image)], zmq.NOBLOCK)
    except zmq.Again:
        return False
    return True


def main():
    """Send five pictures a second until Ctrl-C."""
    socket = zmq.Context().socket(zmq.PUSH)
    socket.set(zmq.SNDHWM, 1)  # what waits gets old
    socket.set(zmq.LINGER, 0)  # and must not hold up the exit
    socket.set(zmq.IMMEDIATE, 1)  # nothing waits while nanotally is not there
    endpoint, *keys = sys.argv[1:] or ["tcp://127.0.0.1:5758"]
    socket.ipv6 = "[" in endpoint  # an address such as tcp://[fd00::20]:5758
    if keys:
        own, server = keys
        socket.curve_publickey, socket.curve_secretkey = load_certificate(own)
        socket.curve_serverkey, _ = load_certificate(server)
    socket.connect(endpoint)
    for number in itertools.count():
        sent = send(socket, grab(number), nm_per_px=2.5, databar_px=0, name=f"picture {number}")
        print(f"\rpicture {number} {'sent   ' if sent else 'dropped'}", end="", flush=True)
        time.sleep(0.2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
