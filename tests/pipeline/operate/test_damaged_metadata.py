"""What the commands say of metadata that they cannot read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipeline.config.loading import ConfigError, load
from pipeline.records.runs import records_of

WAY_OUT = "`python -m pipeline doctor` with the same config says what to do."


def test_a_damaged_database_is_one_line_however_many_tables_it_has(tmp_path):
    config = load(config=Path("configs/taxi.yaml"), profile="local", overrides=[f"runs={tmp_path}"])
    config.run_folder.mkdir(parents=True)
    file = config.metadata_file
    MetadataStore(
        metadata_store_pb2.ConnectionConfig(
            sqlite=metadata_store_pb2.SqliteMetadataSourceConfig(filename_uri=str(file), connection_mode=3)
        )
    )
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(ConfigError) as error:
        records_of(config)
    assert str(error.value).startswith(f"{file}: cannot be read (")
    assert str(error.value).isprintable()
    assert len(str(error.value)) <= len(str(file)) + 220


@pytest.mark.parametrize(("make", "said"), [(Path.touch, "is empty"), (os.mkfifo, "is no file")])
def test_what_is_no_database_is_one_line_and_a_way_out(tmp_path, make, said):
    config = load(config=Path("configs/taxi.yaml"), profile="local", overrides=[f"runs={tmp_path}"])
    config.run_folder.mkdir(parents=True)
    make(config.metadata_file)
    if make is Path.touch:
        assert records_of(config) is None, "a run was killed before its first node"
    (config.run_folder / "artifacts" / "Trainer").mkdir(parents=True)
    with pytest.raises(ConfigError) as error:
        records_of(config)
    assert str(error.value) == f"{config.metadata_file}: {said}; {WAY_OUT}"
