"""The documentation: navigation, links, marks and arguments of its commands, and the generated page."""

import re
from importlib.util import find_spec

import pytest
import yaml

from tests.project import config_reference
from tests.project.arguments import parse
from tests.project.pages import COMMANDS, DOCS, ROOT, anchors, blocks, links, pages, texts

ALL_BLOCKS = [block for page in texts() for block in blocks(page)]
# Their command lines are parsed without TensorFlow. Others, such as pytest, are not ours.
MODULES = {
    "pipeline": "pipeline.cli",
    "kubeflow": "kubeflow.cli",
    "kubeflow.images.cuda_sizes": None,
    "trainer": "trainer.__main__",
    "serving.client": "serving.client.__main__",
    "serving.server": "serving.server.cli",
    "serving.versions": "serving.versions.cli",
    "bench.batch": "bench.batch.__main__",
    "bench.compile": "bench.compile",
    "bench.first_model": "bench.first_model",
    "bench.images": "bench.images.__main__",
    "bench.pipeline": "bench.pipeline",
    "bench.scale": "bench.scale.__main__",
    "bench.scale.columns": "bench.scale.columns",
    "bench.serving": "bench.serving.__main__",
    "bench.tables": "bench.tables.__main__",
    "bench.tables.large": "bench.tables.large",
    "bench.tables.page": None,
    "tests.conformance.models": None,
    "tests.project.config_reference": None,
    "tests.shared.notebooks": None,
}
NOT_PARSED = {
    "pytest",
    "tensorboard.main",
    "apache_beam.runners.worker.worker_pool_main",
    "bench.quality",
    "bench.train",
}


def test_every_page_is_in_the_navigation():
    def entries(tree):
        for entry in tree:
            yield from entries(next(iter(entry.values()))) if isinstance(entry, dict) else [entry]

    navigation = list(entries(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert sorted(navigation) == sorted(str(page.relative_to(DOCS)) for page in pages())


@pytest.mark.parametrize("page", texts(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link
        # The site holds nothing beside docs/.
        assert DOCS not in page.parents or DOCS in file.parents, link


@pytest.mark.parametrize("page", texts(), ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_that_are_named_exist(page):
    for name in re.findall(r"`(docs/[\w/]+\.md)`", page.read_text()):
        assert (ROOT / name).exists()


def test_every_block_of_commands_says_how_it_is_tested():
    for block in ALL_BLOCKS:
        if block.language in COMMANDS:
            run = re.fullmatch(r"run(?: as a server)?|run: (tests/\S+\.py)|not run: \S.*", block.mark)
            assert run, f"{block}: a comment above must say how it is tested, see tests/project/pages.py"
            assert not run[1] or (ROOT / run[1]).exists(), block
        elif not block.language:
            commands = re.findall(r"^(?:\.venv/bin/|python -m|make |docker |kubectl |curl ).*", block.text, re.M)
            # A diagram may name a command.
            assert not commands or "│" in block.text, f"{block}: label it sh"


@pytest.mark.parametrize("name", sorted({name for block in ALL_BLOCKS for name, _ in block.module_calls()}))
def test_documented_arguments_are_real(name):
    if name in NOT_PARSED or not MODULES[name]:
        assert find_spec(name.partition(".")[0])
        return
    for block in ALL_BLOCKS:
        for called, arguments in block.module_calls():
            if called == name and not {"...", "…"} & set(arguments):
                parse(MODULES[name], _numbers(arguments))


def _numbers(arguments: list[str]) -> list[str]:
    """With a number in the place of a placeholder or of a shell's substitution."""
    return ["7" if argument == "VERSION" or argument.startswith("$(") else argument for argument in arguments]


def test_the_generated_page_is_current():
    message = f"run `.venv/bin/{config_reference.COMMAND}`"
    assert config_reference.PAGE.read_text() == config_reference.page(), message
