"""The house itself: who may import whom, where the folders are, how long a module may be."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import requires
from pathlib import Path
from pkgutil import iter_modules

import pytest
import typer

ROOT = Path(__file__).parent.parent
PROGRAMS = ("daemon", "generator", "overlay", "trainer")
LONGEST_MODULE = 300


def modules_of(folder: str) -> list[Path]:
    """Modules in `folder` of the project, not looking behind symbolic links."""
    found = []
    for parent, below, names in os.walk(ROOT / folder):
        below.sort()
        found += [Path(parent, name) for name in sorted(names) if name.endswith(".py")]
    return found


LIBRARY = modules_of("nanotally")
PROGRAM_MODULES = [path for program in PROGRAMS for path in modules_of(program)]
ALL_MODULES = [*LIBRARY, *PROGRAM_MODULES]


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(tree: ast.AST, path: Path) -> Iterator[str]:
    """Full name of everything that `tree`, a part of the module at `path`, imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                folder = path.relative_to(ROOT).parts[:-1]
                package = folder if folder[0] == "nanotally" else ("nanotally", *folder)
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
            # `from nanotally import daemon` imports nanotally.daemon; a class among the names does no harm.
            yield from (f"{base}.{name.name}" for name in node.names)


def imports_at_import_time(path: Path) -> Iterator[str]:
    """What is imported as soon as the module is: not what stands inside a function, or is there for mypy only."""
    tree = ast.parse(path.read_text())
    for node in list(ast.walk(tree)):
        for_mypy = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if for_mypy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = []
    return imports(tree, path)


def all_imports(path: Path) -> Iterator[str]:
    return imports(ast.parse(path.read_text()), path)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def program_of(name: str) -> str | None:
    """The program that the imported `name` belongs to."""
    return next((p for p in PROGRAMS if within(name, f"nanotally.{p}", p)), None)


@pytest.mark.parametrize("path", LIBRARY, ids=short)
def test_library_imports_no_program(path: Path) -> None:
    in_cli = path.parent.name == "cli"  # imports a program inside a function, when its verb is called
    found = imports_at_import_time(path) if in_cli else all_imports(path)
    assert [name for name in found if program_of(name)] == []


@pytest.mark.parametrize("path", PROGRAM_MODULES, ids=short)
def test_programs_never_import_one_another(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    assert [name for name in all_imports(path) if program_of(name) not in (None, own)] == []


@pytest.mark.parametrize("path", PROGRAM_MODULES, ids=short)
def test_programs_do_not_reach_back_into_the_command_line(path: Path) -> None:
    assert [name for name in all_imports(path) if within(name, "nanotally.cli")] == []


@pytest.mark.parametrize("path", ALL_MODULES, ids=short)
def test_the_package_is_named_in_full(path: Path) -> None:
    # `import daemon` works in the project's root, and only there.
    assert [name for name in all_imports(path) if within(name, *PROGRAMS)] == []


@pytest.mark.parametrize("path", ALL_MODULES, ids=short)
def test_only_the_trainer_imports_ultralytics_or_torch(path: Path) -> None:
    heavy = [name for name in all_imports(path) if within(name, "ultralytics", "torch", "torchvision")]
    assert heavy == [] or short(path).startswith("trainer/")


@pytest.mark.parametrize("path", ALL_MODULES, ids=short)
def test_opencv_comes_through_one_door(path: Path) -> None:
    # It is there that a missing library of the system is explained.
    bare = [name for name in all_imports(path) if within(name, "cv2")]
    assert bare == [] or short(path) == "nanotally/opencv.py"


@pytest.mark.parametrize("path", modules_of("nanotally/wire"), ids=short)
def test_wire_needs_numpy_and_zeromq_only(path: Path) -> None:
    # Statistics of sizes are sent as they are, and need numpy only.
    ours = ("nanotally.errors", "nanotally.detections", "nanotally.measure.statistics", "nanotally.wire")
    allowed = ("numpy", "zmq", *ours)
    strangers = [
        name
        for name in all_imports(path)
        if not within(name, *allowed) and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert strangers == []


def loaded_by(module: str) -> set[str]:
    """Top-level packages in memory of a new process that imported `module`."""
    program = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    child = [sys.executable, "-c", program]
    return set(subprocess.run(child, capture_output=True, text=True, timeout=120, check=True).stdout.split())


def test_the_running_daemon_holds_no_training_library() -> None:
    assert loaded_by("nanotally.daemon.service").isdisjoint({"torch", "torchvision", "ultralytics"})


def test_a_running_subscriber_holds_no_image_library() -> None:
    assert loaded_by("nanotally.wire").isdisjoint({"cv2", "openvino", "av", "tifffile", "torch", "typer", "numba"})


@pytest.mark.parametrize("module", ["nanotally.overlay.server", "nanotally.log.tables"])
def test_who_only_reads_what_was_found_waits_for_no_compiler(module: str) -> None:
    """Nor may the overlay's unit write memory that it executes."""
    assert loaded_by(module).isdisjoint({"numba", "llvmlite", "openvino", "torch"})


def test_a_verb_loads_its_own_program_only() -> None:
    program = (
        "import sys; from nanotally.cli import main; sys.argv[1:] = ['log', '--help']\n"
        "try: main()\n"
        "except SystemExit: print('loaded', *{name.split('.')[0] for name in sys.modules})"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    loaded = set(child.stdout.splitlines()[-1].split())
    assert "loaded" in loaded
    assert loaded.isdisjoint({"numba", "llvmlite", "openvino", "torch", "cv2"})


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_folder_is_linked_into_the_package(program: str) -> None:
    link = ROOT / "nanotally" / program
    assert link.is_symlink()
    assert link.readlink() == Path("..", program)
    assert (link / "__init__.py").is_file()


@pytest.mark.parametrize("path", [*ALL_MODULES, *modules_of("benchmarks")], ids=short)
def test_module_reads_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE


def verbs() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Every verb of the command line with its command."""
    cli = import_module("nanotally.cli")
    for module in iter_modules(cli.__path__):
        import_module(f"nanotally.cli.{module.name}")
    group = typer.main.get_command(cli.app)
    assert isinstance(group, typer.core.TyperGroup)
    yield from group.commands.items()


def test_every_verb_and_every_option_has_help() -> None:
    silent = []
    for verb, command in verbs():
        silent += [verb] if not command.help else []
        silent += [f"{verb} {p.name}" for p in command.params if not getattr(p, "help", None)]
    assert silent == []


def test_notice_names_every_dependency() -> None:
    wanted = {re.split(r"[^\w.-]", requirement)[0] for requirement in requires("nanotally") or ()}
    notice = (ROOT / "NOTICE").read_text()
    assert {"numpy", "ultralytics", "pyarrow"} <= wanted
    assert [name for name in wanted if not re.search(rf"\b{re.escape(name)}\b", notice)] == []


def test_archive_and_wheel_hold_every_program(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(archive) as files:
        archived = {name.partition("/")[2] for name in files.getnames()}
    with zipfile.ZipFile(wheel) as files:
        packed = set(files.namelist())
    wanted = {str(path.relative_to(ROOT)) for path in (ROOT / "nanotally").glob("*/**/*.py")}
    wanted |= {f"nanotally/{path.relative_to(ROOT)}" for name in PROGRAMS for path in (ROOT / name).rglob("*.py")}
    wanted |= {
        "nanotally/models/default/model.onnx",
        "nanotally/models/default-int8/model.onnx",
        "nanotally/detect/engines/tensorrt/kernels.ptx",
        "nanotally/overlay/page/index.html",
        "nanotally/trainer/architectures/nanotally-n.yaml",
    }
    wanted |= {"nanotally/generator/recipes/sem.toml"}
    assert wanted - archived == set()
    assert wanted - packed == set()
