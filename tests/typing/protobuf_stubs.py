"""Types for the Protobuf modules that we import: ``python -m tests.typing.protobuf_stubs``, part of ``make lint``.

A ``*_pb2.py`` makes its classes when it is imported, so a type checker sees an empty module. Most packages ship no
stubs; this writes a ``.pyi`` next to each such module inside ``.venv``, from the descriptor that the module carries.
A stub names the module it was made from by digest: when nothing has changed, the command only reads.
"""

import ast
import hashlib
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[2]
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
SOURCES = ("pipeline", "components", "trainer", "serving", "kubeflow", "bench", "tests")
_SUFFIX = "_pb2"
# The type checker brings stubs of these.
_TYPED = "google.protobuf."


def imported(file: Path) -> Iterator[str]:
    """The names of the Protobuf modules that a Python file imports."""
    text = file.read_text()
    if _SUFFIX not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.endswith(_SUFFIX))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.endswith(_SUFFIX):
                yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name.endswith(_SUFFIX))


def module_file(module: str) -> Path:
    """Where an installed Protobuf module lies; importing it would import its whole package."""
    return SITE_PACKAGES / f"{module.replace('.', '/')}.py"


def descriptor(file: Path) -> descriptor_pb2.FileDescriptorProto | None:
    """The description of a ``.proto`` file that its generated module carries; None if it only re-exports others."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
            return descriptor_pb2.FileDescriptorProto.FromString(ast.literal_eval(node.args[0]))
    return None


def with_dependencies(modules: set[str]) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """The descriptions of ``modules`` and of all that they import, by the name of the module."""
    found: dict[str, descriptor_pb2.FileDescriptorProto | None] = {}
    waiting = sorted(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module] = descriptor(module_file(module))
            waiting.extend(imported(module_file(module)))
    return {module: file for module, file in found.items() if file}


def header(file: Path) -> str:
    """The first line of a stub made from ``file``."""
    return f"# Made by tests.typing.protobuf_stubs from {file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n"


def is_typed(module: str) -> bool:
    """Whether ``module`` needs no stub, or has one: not ours, or ours and made from what is installed."""
    file = module_file(module)
    stub = file.with_suffix(".pyi")
    if module.startswith(_TYPED) or not file.exists():
        return True
    if not stub.exists():
        return "AddSerializedFile" not in file.read_text()
    with stub.open() as lines:
        first = next(lines, "")
    return "protobuf_stubs" not in first or first == header(file)


def write(modules: set[str]) -> None:
    """Write the stubs of ``modules`` and of what they import, where there is none yet."""
    files = with_dependencies(modules)
    wanted = {module: file.name for module, file in files.items() if not is_typed(module)}
    with tempfile.TemporaryDirectory() as folder:
        everything = Path(folder) / "descriptors.binpb"
        everything.write_bytes(descriptor_pb2.FileDescriptorSet(file=files.values()).SerializeToString())
        command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={everything}"]
        subprocess.run([*command, f"--pyi_out={folder}", *wanted.values()], check=True)
        for module, name in wanted.items():
            stub = (Path(folder) / name.replace(".proto", f"{_SUFFIX}.pyi")).read_text()
            module_file(module).with_suffix(".pyi").write_text(header(module_file(module)) + stub)
    sys.stderr.write(f"{len(wanted)} stubs of Protobuf modules written\n")


def main() -> None:
    """Bring the stubs of every Protobuf module that the project imports up to date."""
    files = [file for folder in SOURCES for file in (ROOT / folder).rglob("*.py")]
    missing = {module for file in files for module in imported(file) if not is_typed(module)}
    if missing:
        write(missing)


if __name__ == "__main__":
    main()
