"""Over 200 bad files: each is refused in one line that names it, or read; none crashes the process."""

import re

import pytest

from components.refusal import GateRefused
from tests.components.example_gen.bad_files.catalogue import bad_files
from tests.components.example_gen.ingest import ingest

pytestmark = pytest.mark.tensorflow
# Beyond, what a terminal shows as one line is several.
MOST_LETTERS = 300


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, str | None]:
    """Why each file was refused, by its name; None if it was read."""
    found: dict[str, str | None] = {}
    for bad in bad_files(tmp_path_factory.mktemp("good")):
        folder = tmp_path_factory.mktemp("bad")
        (folder / "data").mkdir()
        (folder / "data" / f"file.{bad.ending}").write_bytes(bad.content)
        try:
            ingest(folder / "data", folder / "made", kind=bad.ending.removesuffix(".gz"))
            found[bad.name] = None
        except GateRefused as error:
            found[bad.name] = str(error).replace(str(folder), "")
    return found


def test_every_refusal_is_one_line_that_names_the_file(outcomes):
    refused = {name: reason for name, reason in outcomes.items() if reason is not None}
    assert len(refused) > 200
    wrong = {
        name: reason
        for name, reason in refused.items()
        if "/data/file." not in reason or len(reason) > MOST_LETTERS or re.search(r"[\x00-\x1f\x7f-\x9f]", reason)
    }
    assert wrong == {}


def test_what_is_read_is_what_no_reader_can_see(outcomes):
    """Damage to values, where the format has no checksums; and ends that are whole all the same."""
    accepted = {name for name, reason in outcomes.items() if reason is None}
    unseen = (
        r"(csv|parquet|arrow), (flipped bit|20 flipped|64 zeros)|csv, (cut|without|noise at|a pointer)|tfrecord, cut"
    )
    assert {name for name in accepted if not re.match(unseen, name)} == set()
