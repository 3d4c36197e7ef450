import pytest

from serving.config_protos import batching_parameters, monitoring_config, read_text, ssl_config


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "file.config"
        path.write_text(text)
        return path

    return write


def test_batching_parameters_show_which_fields_are_set(written):
    text = """max_batch_size { value: 128 }
              allowed_batch_sizes: 64
              allowed_batch_sizes: 128
              enable_large_batch_splitting { value: true }
              max_execution_batch_size { value: 64 }
              pad_variable_length_inputs: true"""
    parameters = read_text(written(text), batching_parameters())
    assert parameters.max_batch_size.value == 128
    assert list(parameters.allowed_batch_sizes) == [64, 128]
    assert parameters.enable_large_batch_splitting.value
    assert parameters.pad_variable_length_inputs
    assert parameters.HasField("max_execution_batch_size")
    assert not parameters.HasField("batch_timeout_micros")


def test_keys_and_monitoring(written):
    config = read_text(written('server_key: "a\\nb" custom_ca: "c" client_verify: true'), ssl_config())
    assert (config.server_key, config.server_cert, config.custom_ca, config.client_verify) == ("a\nb", "", "c", True)
    config = read_text(written('prometheus_config { enable: true path: "/m" }'), monitoring_config())
    assert (config.prometheus_config.enable, config.prometheus_config.path) == (True, "/m")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("\n\nsize: 3", 3, 'Message type "tensorflow.serving.SSLConfig" has no field named "size".'),
        ("client_verify: maybe", 1, 'Expected "true" or "false".'),
    ],
)
def test_an_invalid_file_is_refused_by_line(written, text, line, what):
    path = written(text)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole text is compared)
        read_text(path, ssl_config())
    assert str(caught.value) == f"{path}:{line}: Error parsing text-format tensorflow.serving.SSLConfig: {what}"


def test_a_key_does_not_get_into_the_message(written):
    with pytest.raises(ValueError, match=r":1: Error parsing") as caught:
        read_text(written('server_key: "secret" client_verify: maybe'), ssl_config())
    assert "secret" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"none: cannot be read \(No such file or directory\)"):
        read_text(tmp_path / "none", ssl_config())
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"binary: is not UTF-8 text"):
        read_text(tmp_path / "binary", ssl_config())
