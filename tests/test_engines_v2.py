import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from faulty import FAULTY, config_of
from faulty import running as running_daemon
from stand_in_v2 import BUNDLE, GOLDEN, MANIFEST, StandInServer, http, recorded, resetting, stand_in
from triton_server import TILE, environment, serving

from nanotally.bundle import Bundle, load_bundle
from nanotally.daemon.config import Config, ModelConfig
from nanotally.daemon.loading import load_detector
from nanotally.detect import load_engine
from nanotally.detect.engines import lines, v2
from nanotally.detect.engines.lines import Place
from nanotally.detect.engines.repository import write_repository
from nanotally.detect.engines.v2 import V2Engine
from nanotally.errors import EngineError, EngineUnavailable
from nanotally.opencv import cv2
from nanotally.wire import DetectionsMessage

INFER = "POST /v2/models/nanotally/versions/1/infer"
METADATA = "GET /v2/models/nanotally"
CONFIG = "GET /v2/models/nanotally/versions/1/config"
READY = "GET /v2/models/nanotally/ready"
ANSWER = np.frombuffer(recorded("infer").partition(b"}]}")[2], "<f4").reshape(1, 6, 126)
WAIT_S = 20.0


@pytest.fixture
def server() -> Iterator[StandInServer]:
    with stand_in() as made:
        yield made


def url(server: StandInServer) -> str:
    return f"http://127.0.0.1:{server.port}/nanotally"


@pytest.fixture
def engine(server: StandInServer) -> Iterator[V2Engine]:
    with closing(V2Engine(url(server), BUNDLE)) as made:
        yield made


def with_sha(raw: bytes, sha256: str) -> bytes:
    return raw.replace(MANIFEST.sha256.encode(), sha256.encode())


# The protocol, as Triton speaks it


def test_question_and_answer_are_those_that_were_recorded(server: StandInServer, engine: V2Engine) -> None:
    raw = engine.infer(TILE)
    assert server.asked[-1] == (INFER, (GOLDEN / "question.bin").read_bytes())
    np.testing.assert_array_equal(raw, ANSWER)
    raw += 1  # it is the caller's to keep
    assert engine.description == f"nanotally of triton 2.51.0 at http://127.0.0.1:{server.port}"
    assert (engine.name, engine.precision) == ("v2", "fp32")


def test_every_tile_is_a_question_and_answers_keep_their_order(server: StandInServer, engine: V2Engine) -> None:
    """What was asked first is answered last."""
    tiles = np.stack([np.full((1, 64, 96), n, np.float32) for n in range(9)])
    head, _, _ = recorded("infer").partition(b"}]}")

    def answer(connection: socket.socket, body: bytes) -> None:
        number = float(np.frombuffer(body[-4:], "<f4")[0])
        time.sleep(0.01 * (9 - number))
        connection.sendall(head + b"}]}" + np.full((6, 126), number, "<f4").tobytes())

    server.answers[INFER] = answer
    raw = engine.infer(tiles)
    np.testing.assert_array_equal(raw, np.broadcast_to(np.arange(9)[:, None, None], (9, 6, 126)))


def test_connections_stay_open(server: StandInServer, engine: V2Engine) -> None:
    for _ in range(10):
        engine.infer(np.repeat(TILE, 5, axis=0))
    assert 1 <= server.connections <= lines.IN_FLIGHT


def test_a_connection_that_the_server_closed_meanwhile_is_opened_again(server: StandInServer, engine: V2Engine) -> None:
    for _ in range(3):
        server.hang_up()
        np.testing.assert_array_equal(engine.infer(TILE), ANSWER)


def test_server_that_tells_no_configuration_is_taken_at_its_word(server: StandInServer) -> None:
    """OpenVINO Model Server has none."""
    del server.answers[CONFIG]
    with closing(V2Engine(url(server), BUNDLE)) as engine:
        np.testing.assert_array_equal(engine.infer(TILE), ANSWER)


# Addresses


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("http://127.0.0.1:8000/nanotally", "/v2/models/nanotally"),
        ("http://localhost/a", "/v2/models/a"),
        ("http://[::1]:8000/a b/", "/v2/models/a%20b"),
        ("https://gpu.example.org/triton/nanotally", "/triton/v2/models/nanotally"),
    ],
)
def test_address_is_a_server_and_a_model(address: str, path: str) -> None:
    assert Place.parse(address).path == path


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1:8000/m", "ftp://127.0.0.1/m", "http://127.0.0.1:8000", "http://127.0.0.1:8000/", "http:///m",
     "http://127.0.0.1:x/m", "http://127.0.0.1:99999/m", "http://me:word@127.0.0.1/m", "http://127.0.0.1/m?a=b"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(EngineError, match="engine v2:"):
        load_engine(f"v2:{address}", BUNDLE)


@pytest.mark.parametrize("host", ["gpu.example.org", "192.168.1.7", "0.0.0.0", "localhost.example.org"])
def test_micrographs_leave_the_machine_only_encrypted(host: str) -> None:
    with pytest.raises(EngineError, match=r"unencrypted.*https, or a tunnel \(ssh -L"):
        load_engine(f"v2:http://{host}:8000/nanotally", BUNDLE)


def test_configuration_knows_the_engine_by_its_beginning() -> None:
    assert ModelConfig(engine="v2:http://127.0.0.1:8000/m").engine.startswith("v2:")
    with pytest.raises(ValueError, match=r"'v3:x' is not known; there are auto, .* and v2:URL"):
        ModelConfig(engine="v3:x")


def test_https_wants_a_certificate_that_the_system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed (Debian: openssl)")
    own = ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=gpu", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *own]
    subprocess.run(make, cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with stand_in(tls=tls) as server:
        address = url(server).replace("http:", "https:")
        with pytest.raises(EngineUnavailable, match="certificate verify failed"):
            V2Engine(address, BUNDLE)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        with closing(V2Engine(address, BUNDLE)) as engine:
            np.testing.assert_array_equal(engine.infer(TILE), ANSWER)


# At the start


def test_nobody_there_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(EngineUnavailable, match=rf"^engine v2:http://127.0.0.1:{port}/m: connection refused; does the"):
        load_engine(f"v2:http://127.0.0.1:{port}/m", BUNDLE)


def test_model_that_is_not_ready_is_told_in_a_line(server: StandInServer) -> None:
    server.answers[READY] = recorded("unknown")
    with pytest.raises(
        EngineUnavailable, match=r"has no model nanotally that is ready \(400 .*Model version not ready"
    ):
        V2Engine(url(server), BUNDLE)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"images","datatype":"FP32","shape":[-1,1,-1,-1]', b'"images","datatype":"FP32","shape":[-1,3,-1,-1]'),
        (b'"images","datatype":"FP32","shape":[-1,1,-1,-1]', b'"images","datatype":"FP32","shape":[-1,1,416,416]'),
        (b'"images","datatype":"FP32","shape":[-1,1,-1,-1]', b'"images","datatype":"FP16","shape":[-1,1,-1,-1]'),
        (b'"images","datatype":"FP32","shape":[-1,1,-1,-1]', b'"images","datatype":"FP32","shape":[-1,1,-1]'),
        (b'"output0","datatype":"FP32","shape":[-1,6,-1]', b'"output0","datatype":"FP32","shape":[-1,84,-1]'),
        (b'"outputs":[{', b'"outputs":[{"name":"more","datatype":"FP32","shape":[1]},{'),
    ],
)
def test_network_of_another_kind_is_refused(server: StandInServer, was: bytes, becomes: bytes) -> None:
    body = recorded("metadata").partition(b"\r\n\r\n")[2]
    assert was in body
    server.answers[METADATA] = http(200, body.replace(was, becomes))
    with pytest.raises(EngineUnavailable, match=r"serves .* where as-recorded has FP32 .*another network; write its"):
        V2Engine(url(server), BUNDLE)


def test_squares_go_to_a_server_of_squares_only() -> None:
    squares = Bundle(Path(), msgspec.structs.replace(MANIFEST, stride=None))
    body = recorded("metadata").partition(b"\r\n\r\n")[2]
    with stand_in() as server:
        V2Engine(url(server), squares).close()  # it takes any size, squares too
        server.answers[METADATA] = http(200, body.replace(b"[-1,1,-1,-1]", b"[1,1,416,416]"))
        V2Engine(url(server), squares).close()
        server.answers[METADATA] = http(200, body.replace(b"[-1,1,-1,-1]", b"[1,1,320,320]"))
        with pytest.raises(EngineUnavailable, match="another network"):
            V2Engine(url(server), squares)


def test_other_weights_are_refused(server: StandInServer) -> None:
    server.answers[CONFIG] = with_sha(recorded("config"), "ab" * 32)
    with pytest.raises(EngineUnavailable, match=r"serves network abababababab…, not 597a91b38387… of as-recorded"):
        V2Engine(url(server), BUNDLE)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"inputs":1,"outputs":[]}', b"\xff", b"[" * 100_000])
def test_nonsense_at_the_start_is_told_in_a_line(server: StandInServer, body: bytes) -> None:
    server.answers[METADATA] = http(200, body)
    with pytest.raises(EngineUnavailable, match="no JSON of this protocol"):
        V2Engine(url(server), BUNDLE)


# While it runs


def answered(shape: list[int], tensor: bytes, datatype: str = "FP32") -> bytes:
    head = json.dumps({"outputs": [{"name": "output0", "datatype": datatype, "shape": shape}]}).encode()
    return http(200, head + tensor, Inference_Header_Content_Length=str(len(head)))


ZEROS = bytes(4 * 6 * 126)
FAULTS = {
    "reset": (resetting(), "reset"),
    "reset in mid-answer": (resetting(recorded("infer")[:1500]), "reset|IncompleteRead"),
    "hang up": (lambda connection, body: True, "RemoteDisconnected|closed|reset"),
    "400": (recorded("refused"), r"answered 400 .*expecting 4 additional bytes"),
    "404": (http(404, b"{}"), "answered 404"),
    "500": (http(500, b"<html>\nno\n</html>"), "answered 500 <html> no </html>"),
    "503": (http(503), "answered 503"),
    "no HTTP": (b"\x00\xffsomething else\r\n\r\n", "BadStatusLine"),
    "no tensor": (http(200, b"{}"), "without binary tensors"),
    "strange length": (http(200, b"{}", Inference_Header_Content_Length="-4"), "without binary tensors"),
    "no JSON": (http(200, b"hello", Inference_Header_Content_Length="5"), "no JSON of this protocol"),
    "nothing": (http(200, b'{"outputs":[]}', Inference_Header_Content_Length="14"), "answered nothing"),
    "rows": (answered([1, 7, 108], ZEROS), r"answered FP32 \[1, 7, 108\] in 3024 bytes: not this network's"),
    "no anchors": (answered([1, 6, 0], b""), "not this network's"),
    "two dimensions": (answered([6, 126], ZEROS), "not this network's"),
    "negative": (answered([1, 6, -126], ZEROS), "not this network's"),
    "short": (answered([1, 6, 126], ZEROS[4:]), "not this network's"),
    "doubles": (answered([1, 6, 126], ZEROS, "FP64"), "not this network's"),
    "NaN": (answered([1, 6, 126], np.full((6, 126), np.nan, "<f4").tobytes()), "NaN"),
    "endless": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "an answer of 99999999999 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_goes_wrong_is_told_and_passes(
    server: StandInServer, engine: V2Engine, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Never an answer that would be read as a field without particles."""
    monkeypatch.setattr(v2, "ASK_AGAIN_S", 0.0)
    engine.infer(TILE)
    right, (server.answers[INFER], words) = server.answers[INFER], FAULTS[fault]
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match=rf"(?i)^engine v2:http://.*({words})"):
            engine.infer(np.repeat(TILE, 6, axis=0))
    server.answers[INFER] = right
    np.testing.assert_array_equal(engine.infer(TILE), ANSWER)


@pytest.mark.parametrize("bytes_a_time", [0, 1])
def test_an_answer_that_does_not_end_is_given_up(
    server: StandInServer, monkeypatch: pytest.MonkeyPatch, bytes_a_time: int
) -> None:
    """Be it that nothing comes, or that a byte comes now and then."""
    monkeypatch.setattr(v2, "FIRST_ANSWER_S", 0.5)
    over = threading.Event()

    def drip(connection: socket.socket, body: bytes) -> None:
        for position in range(10_000):
            connection.sendall(recorded("infer")[position : position + bytes_a_time])
            if over.wait(0.05):
                return

    server.answers[INFER] = drip
    with closing(V2Engine(url(server), BUNDLE)) as engine:
        began_s = time.monotonic()
        with pytest.raises(EngineUnavailable, match=r"no answer within 0.5 s"):
            engine.infer(np.repeat(TILE, 9, axis=0))
        assert time.monotonic() - began_s < WAIT_S
    over.set()


def test_a_server_that_is_away_is_left_alone_for_a_second(server: StandInServer, engine: V2Engine) -> None:
    server.answers[INFER] = http(503)
    with pytest.raises(EngineUnavailable):
        engine.infer(TILE)
    engine._again_s += 1000
    asked = len(server.asked)
    for _ in range(100):
        with pytest.raises(EngineUnavailable, match="answered 503"):
            engine.infer(TILE)
    assert len(server.asked) == asked


def test_a_server_that_comes_back_with_another_network_is_not_believed(
    server: StandInServer, engine: V2Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has version 2 now: what is asked of version 1 is refused, and then it is found out why."""
    monkeypatch.setattr(v2, "ASK_AGAIN_S", 0.0)
    answers = dict(server.answers)
    body = recorded("metadata").partition(b"\r\n\r\n")[2]
    del server.answers[INFER]
    server.answers[METADATA] = http(200, body.replace(b'["1"]', b'["2"]'))
    server.answers[CONFIG.replace("/1/", "/2/")] = with_sha(recorded("config"), "cd" * 32)
    server.answers[INFER.replace("/1/", "/2/")] = recorded("infer")
    with pytest.raises(EngineUnavailable, match="answered 404"):
        engine.infer(TILE)
    for _ in range(3):
        with pytest.raises(EngineUnavailable, match="serves network cdcdcdcdcdcd"):
            engine.infer(TILE)
    server.answers.update(answers)
    np.testing.assert_array_equal(engine.infer(TILE), ANSWER)


# In the daemon


def config_with(tmp_path: Path, port: int, uri: str) -> Config:
    given = config_of(tmp_path, uri, model=ModelConfig(engine=f"v2:http://127.0.0.1:{port}/nanotally"))
    return replace(given, source={FAULTY: given.source[FAULTY]})


def as_default(server: StandInServer) -> StandInServer:
    """It serves the default bundle, whichever that is now."""
    server.answers[CONFIG] = http(
        200, with_sha(recorded("config"), load_bundle().manifest.sha256).partition(b"\r\n\r\n")[2]
    )
    return server


def test_without_its_server_the_daemon_goes_on_and_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Frames are told as not examined, status and metrics say why, and all is well when the server is back."""
    monkeypatch.setattr(v2, "ASK_AGAIN_S", 0.2)
    server = as_default(StandInServer())
    uri = "sim:?width=96&height=64&particles=3&fps=20"
    with running_daemon(config_with(tmp_path, server.port, uri), load_detector) as daemon:
        assert daemon.frame().state == "live"
        assert daemon.metric("engine_up") == 1
        server.close()
        lost = [daemon.frame(lambda told: told.state == "unexamined") for _ in range(5)]
        assert {frame.counts for frame in lost} == {None}
        assert [len(frame.records) for frame in lost] == [0] * 5
        status = daemon.status(lambda told: told.engine_fault is not None)
        assert (status.source_state, status.frame_state) == ("up", "unexamined")
        assert f"engine v2:http://127.0.0.1:{server.port}/nanotally: " in (status.engine_fault or "")
        assert daemon.metric("engine_up") == 0
        assert daemon.metric("frames_not_counted_total", source=FAULTY, state="unexamined") >= 5
        assert caplog.text.count("frames are not looked at") == 1
        with stand_in(server.port) as again:
            as_default(again)
            assert daemon.frame(lambda told: told.state == "live").counts is not None
            assert daemon.status(lambda told: told.engine_fault is None).frame_state == "live"
            assert daemon.metric("engine_up") == 1
            assert "the engine answers again" in caplog.text
    told = [item for item in daemon.heard if isinstance(item, DetectionsMessage)]
    assert all((message.counts is None) == (message.state != "live") for message in told)


def test_a_replay_waits_for_the_server_and_loses_no_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v2, "ASK_AGAIN_S", 0.2)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 255, (64, 96), np.uint8)
        cv2.imwrite(str(pictures / f"{number}.png"), noise)
    with stand_in() as server:
        as_default(server)
        looked_at = []

        def falls_ill(connection: socket.socket, body: bytes) -> None:
            looked_at.append(body)
            connection.sendall(http(503) if 3 <= len(looked_at) < 6 else recorded("infer"))

        server.answers[INFER] = falls_ill
        with running_daemon(config_with(tmp_path, server.port, f"dir:{pictures}"), load_detector) as daemon:
            told = [daemon.frame() for _ in range(6)]
    assert [message.file for message in told] == [f"{number}.png" for number in range(6)]
    assert {message.state for message in told} == {"live"}
    assert None not in [message.counts for message in told]


# The original


def test_triton_itself_serves_our_repository(tmp_path: Path) -> None:
    """Its Python backend runs the network by OpenVINO: the numbers are those of the engine here."""
    venv = environment()
    if venv is None:
        pytest.skip("NANOTALLY_TRITON names no environment with nvidia-pytriton (tests/triton_server.py says how)")
    bundle = load_bundle()
    write_repository(bundle, tmp_path)
    with serving(tmp_path, venv) as port:
        address = f"v2:http://127.0.0.1:{port}/nanotally"
        here, engine = load_engine("openvino", bundle), load_engine(address, bundle)
        for shape in ((64, 96), (416, 416), (960, 1280)):
            tiles = np.random.default_rng(3).random((3, 1, *shape), np.float32)
            np.testing.assert_allclose(engine.infer(tiles), here.infer(tiles), rtol=1e-3, atol=1e-3)
        other = Bundle(bundle.path, msgspec.structs.replace(bundle.manifest, sha256="ab" * 32))
        with pytest.raises(EngineUnavailable, match="serves network"):
            load_engine(address, other)
        engine.close()
