"""Imports of the project's own modules that do not resolve, found without importing anything.

Modules that are not run without a part, such as most tests that import TensorFlow, are checked by this alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

PACKAGES = ("pipeline", "components", "trainer", "serving", "kubeflow", "bench", "tests")


def unresolved(tree: Path) -> list[str]:
    """Each import in the packages below ``tree`` whose module, or whose name in that module, is not there."""
    files = sorted(path for package in PACKAGES for path in (tree / package).rglob("*.py"))
    return [f"{file.relative_to(tree)} imports {name}" for file in files for name in _missing(file, tree)]


def reaching(tree: Path, changed: Set[str], *, among: str) -> list[str]:
    """The modules below a folder that import a changed one, directly or not, or run one with ``-m``.

    Args:
        tree: the project's folder.
        changed: files of modules, relative to it; a deleted one stands for its package, which may list its modules.
        among: a folder, relative to it.
    """
    reached = {_module(name if (tree / name).exists() else f"{Path(name).parent}/__init__.py") for name in changed}
    files = {_module(str(file.relative_to(tree))): file for name in PACKAGES for file in (tree / name).rglob("*.py")}
    uses = {module: _used(file) | _conftests(module) for module, file in files.items()}
    grown = 0
    while grown != len(reached):
        grown = len(reached)
        reached |= {module for module, used in uses.items() if used & reached}
    found = (files[module].relative_to(tree) for module in reached & files.keys())
    return sorted(str(file) for file in found if str(file).startswith(f"{among}/"))


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _conftests(module: str) -> set[str]:
    """Those of its folders, which pytest imports for it."""
    packages = module.split(".")[:-1]
    return {".".join([*packages[:end], "conftest"]) for end in range(1, len(packages) + 1)}


def _used(file: Path) -> set[str]:
    """What a module imports anywhere, with the packages around it and the names in it, and what it runs."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ours(node.value):
            names += [node.value, f"{node.value}.__main__"]
    parts = (name.split(".") for name in names if _ours(name))
    return {".".join(some[:end]) for some in parts for end in range(1, len(some) + 1)}


def _missing(file: Path, tree: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _ours(alias.name) and not _is_module(tree, alias.name))
        if isinstance(node, ast.ImportFrom) and node.module and _ours(node.module):
            known = _names(tree, node.module)
            for alias in node.names:
                if alias.name not in known and not _is_module(tree, f"{node.module}.{alias.name}"):
                    yield f"{node.module}.{alias.name}"


def _ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def _is_module(tree: Path, module: str) -> bool:
    path = tree.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@cache
def _names(tree: Path, module: str) -> frozenset[str]:
    """What a module defines, assigns or imports anywhere; none where there is no such module."""
    path = tree.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        return frozenset()
    nodes = list(ast.walk(ast.parse(file.read_text())))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    assigned = {node.id for node in nodes if isinstance(node, ast.Name)}
    aliases = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    return frozenset({*defined, *assigned, *((alias.asname or alias.name) for alias in aliases)})
