import subprocess
import sys
from textwrap import dedent

import pytest

# A child process whose `import cv2` fails the way the dynamic loader makes it fail.
CHILD = """
    import sys
    from importlib.abc import MetaPathFinder

    class NoOpenCV(MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name == "cv2":
                raise ImportError(sys.argv[1])

    sys.meta_path.insert(0, NoOpenCV())
    from nanotally.errors import NanotallyError
    try:
        from nanotally.opencv import cv2
    except NanotallyError as error:
        print(error)
"""


def import_with(loader_message: str) -> subprocess.CompletedProcess[str]:
    child = [sys.executable, "-c", dedent(CHILD), loader_message]
    return subprocess.run(child, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libGL.so.1", "libgl1"),
        ("libxcb.so.1", "libxcb1"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libgthread-2.0.so.0", "libglib2.0-0"),
    ],
)
def test_a_missing_system_library_is_named_with_its_package(library: str, package: str) -> None:
    result = import_with(f"{library}: cannot open shared object file: No such file or directory")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1
    assert library in result.stdout
    assert f"Debian package {package})" in result.stdout


def test_another_import_error_is_left_as_it_is() -> None:
    result = import_with("numpy.core.multiarray failed to import")
    assert result.returncode != 0
    assert "ImportError: numpy.core.multiarray failed to import" in result.stderr


def test_opencv_is_there() -> None:
    from nanotally.opencv import cv2

    assert cv2.__version__.startswith("4.14")
