"""Digests of source files, so that an edit invalidates exactly the nodes that run the code.

TFX's cache key has the dotted path of ``module.function``, not the content of the module or its imports.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path


def source_digest(*paths: str) -> str:
    """SHA-256 over the sources of modules and of all that they import from the packages beside their own.

    Args:
        paths: dotted paths of modules, or of functions in them, such as ``trainer.run_fn.run_fn``.
    """
    total = hashlib.sha256()
    files = {module: file for path in paths for module, file in imported_files(_module_of(path)).items()}
    for module, file in sorted(files.items()):
        total.update(f"{module}\0".encode() + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def imported_files(module: str) -> dict[str, Path]:
    """The files of ``module`` and of everything it imports, directly or not, from the folder of its package.

    Installed packages are left out: the lock covers them. The source is parsed, not run.
    """
    folder = _package_folder(module)
    files: dict[str, Path] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name in files or _package_folder(name) != folder:
            continue
        file = module_file(name)
        if file is None:
            continue
        files[name] = file
        pending.extend(_imports(name, file))
        if "." in name:
            pending.append(name.rpartition(".")[0])
    return files


def _top_level(package: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None


def _package_folder(module: str) -> Path | None:
    """The folder in which the top-level package (or single file) of ``module`` lies."""
    spec = _top_level(module.partition(".")[0])
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    return Path(spec.origin).parent if spec.origin and spec.has_location else None


def module_file(module: str) -> Path | None:
    """The source file of a dotted module, or None; nothing is imported to find it."""
    top, *rest = module.split(".")
    spec = _top_level(top) if top else None
    for location in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(location).joinpath(*rest)
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                return file
    return Path(spec.origin) if spec and spec.origin and spec.has_location and not rest else None


def _module_of(path: str) -> str:
    return path if module_file(path) else path.rpartition(".")[0]


def _imports(module: str, file: Path) -> tuple[str, ...]:
    parent = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return _imported_names(file.read_text(), parent)


@functools.cache
def _imported_names(source: str, parent: str) -> tuple[str, ...]:
    """By content, so that an edit is seen: several nodes run much of the same code."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            anchor = parent.rsplit(".", node.level - 1)[0] if node.level > 1 else parent
            base = ".".join(filter(None, [anchor if node.level else "", node.module]))
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(names)
