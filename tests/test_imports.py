"""The shape of the house: which room may import which, what costs nothing, and what is never done."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "w2v"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room may import only those above it. A new room gets its place here.
FLOORS = [
    {"errors", "kernels", "atomic", "lock"},
    {"config", "device", "memory"},
    {"vocab", "huffman", "sampling", "weights", "gpu"},
    {"vectors", "corpus"},
    {"formats"},
    {"evaluate"},
    {"phrases"},
    {"copies"},
    {"passes"},
    {"worker"},
    {"train"},
    {"checkpoint"},
    {"model"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# KeyedVectors.load() and evaluate_word_analogies() are gensim's names for what other rooms do: imported when called.
WHEN_CALLED = {("vectors", "formats"), ("vectors", "evaluate")}
HEAVY = ["numpy", "numba", "tqdm", "smart_open", "zstandard", "safetensors"]
COMPILED = {"formats/decimals.py"}  # imported when a long file is met
WITHOUT_NUMBA = ["errors", "config", "atomic", "lock", "memory", "vocab", "vectors", "formats", "evaluate", "phrases", "cli"]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports_of(path: Path) -> Iterator[tuple[str, bool]]:
    """(absolute module name, whether inside a function) of each import; those for type checkers only are left out."""
    package = ["w2v", *path.relative_to(PACKAGE).parts[:-1]]

    def walk(node: ast.AST, deferred: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, deferred) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = ".".join([*base, *filter(None, [child.module])])
                yield module, deferred
                yield from ((f"{module}.{alias.name}", deferred) for alias in child.names)
            yield from walk(child, deferred or isinstance(child, (ast.FunctionDef, ast.Lambda)))

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), False)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path):
    here = room_of(path)
    if here == "__init__":
        assert not [name for name, deferred in imports_of(path) if name.startswith("w2v") and not deferred]
        return
    assert here in FLOOR, "a new room: give it its place in FLOORS"
    for name, deferred in imports_of(path):
        there = name.split(".")[1] if name.startswith("w2v.") else None
        if there is None or there == here or there == "__version__":
            continue
        assert there in FLOOR, f"{name} is no room of the house"
        if not (deferred and (here, there) in WHEN_CALLED):
            assert FLOOR[there] < FLOOR[here], f"{here} may not import {name}"


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p) == "kernels"], ids=name_of)
def test_kernels_import_nothing_else_of_w2v(path):
    for name, _ in imports_of(path):
        assert not name.startswith("w2v") or name == "w2v.kernels" or name.startswith("w2v.kernels.")


INTERPRETED = [path for path in MODULES if room_of(path) in WITHOUT_NUMBA[:-1] and name_of(path) not in COMPILED]


@pytest.mark.parametrize("path", INTERPRETED, ids=name_of)
def test_rooms_without_compiled_code_name_no_compiler(path):
    for name, _ in imports_of(path):
        assert name.split(".")[0] not in ("numba", "llvmlite")
        assert not name.startswith("w2v.kernels")


def loaded_by(statement: str, *packages: str) -> list[str]:
    code = f"{statement}\nimport sys\nprint(*[p for p in {packages} if p in sys.modules])"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parent, check=True).stdout.split()


def test_importing_the_package_costs_nothing():
    assert loaded_by("import w2v; w2v.__version__; dir(w2v)", *HEAVY, "click") == []


@pytest.mark.parametrize("room", [r for r in WITHOUT_NUMBA if (PACKAGE / r).exists() or (PACKAGE / f"{r}.py").exists()])
def test_rooms_without_compiled_code_never_load_numba(room):
    assert loaded_by(f"import w2v.{room}", "numba", "llvmlite") == []


def test_the_command_line_loads_nothing_heavy_before_a_command_runs():
    assert loaded_by("import w2v.cli", *HEAVY) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_stay_readable(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p) != "cli"], ids=name_of)
def test_only_the_command_line_prints(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_read_from_a_file_is_run(path):
    """No pickle but through an unpickler with its own find_class; no eval, exec, or numpy's object arrays."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {name.split(".")[0] for name, _ in imports_of(path)}
    assert not imported & {"marshal", "shelve", "dill", "cloudpickle", "joblib", "imp"}
    if "pickle" in imported:
        assert [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "find_class"]
        loads = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in ("load", "loads")]
        assert not [n for n in loads if isinstance(n.value, ast.Name) and n.value.id in ("pickle", "_pickle")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert not (isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec", "__import__"))
            allowed = [k for k in node.keywords if k.arg == "allow_pickle"]
            assert all(isinstance(k.value, ast.Constant) and k.value.value is False for k in allowed)
