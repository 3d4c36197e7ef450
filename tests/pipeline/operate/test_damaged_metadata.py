"""What the commands say of metadata that they cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipeline.config.loading import ConfigError, load
from pipeline.records.runs import records_of


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
    assert len(str(error.value)) <= len(str(file)) + 150
