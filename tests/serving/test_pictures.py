"""A model of pictures is asked with files: by the command, over REST and over gRPC; what is none is refused by name."""

from __future__ import annotations

import base64
import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.client import Client, InvalidRequest
from serving.client.__main__ import main
from tests.serving.support.running import RunningServer
from tests.shared.models import exports
from tests.shared.models.pictures import encoded, write
from trainer.parameters import Parameters

pytestmark = pytest.mark.tensorflow

PARAMETERS = Parameters(
    label={"column": "kind", "task": "multiclass", "classes": ["dark", "light"]},
    features={"photo": {"kind": "image", "height": 8, "width": 8}},
    model={"name": "lenet", "filters": [4], "hidden_units": [8]},
)
FORMS = ("PNG", "JPEG", "GIF", "BMP")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model that tells dark pictures from light ones, and a few of them."""
    folder = tmp_path_factory.mktemp("pictures")
    rows = [{"kind": ["dark", "light"][n % 2], "photo": encoded(5 * n + (100 if n % 2 else 0))} for n in range(20)]
    spec = {"kind": tf.io.FixedLenFeature([1], tf.string), "photo": tf.io.FixedLenFeature([1], tf.string)}
    exports.make(rows, spec, PARAMETERS, folder, steps=150)
    (folder / "served").mkdir()
    (folder / "saved_model").rename(folder / "served" / "1")
    for place, form in enumerate(FORMS):
        write(folder / "files" / "dark" / f"{place}.{form}", 5, form=form)
        write(folder / "files" / "light" / f"{place}.{form}", 250, form=form)
    (folder / "files" / "README").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def server(folder):
    flags = ("--model_name", "photos", "--model_base_path", folder / "served", "--rest_api_port", "-1")
    with RunningServer(*flags) as running:
        yield running


def said(server: RunningServer, capsys, command: str, source: Path) -> tuple[int, list[dict], str]:
    code = main([command, "--target", server.target, "--model", "photos", "--input", str(source)])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_a_folder_gets_a_line_for_each_picture(server, folder, capsys):
    code, lines, err = said(server, capsys, "classify", folder / "files")
    assert (code, err) == (0, "")
    assert [Path(line["file"]).relative_to(folder / "files").parent.name for line in lines] == ["dark"] * 4 + [
        "light"
    ] * 4
    for line in lines:
        assert line[Path(line["file"]).parent.name] > 0.5


def test_a_picture_is_answered_alike_in_all_ways(server, folder, capsys, tmp_path):
    file = folder / "files" / "light" / "0.PNG"
    picture = file.read_bytes()
    _, [line], _ = said(server, capsys, "predict", file)
    assert line.pop("file") == str(file)
    b64 = {"b64": base64.b64encode(picture).decode()}
    (tmp_path / "rows.jsonl").write_text(json.dumps({"photo": b64}) + "\n")
    _, rows, _ = said(server, capsys, "predict", tmp_path / "rows.jsonl")
    assert rows == [line]
    with Client(server.target) as client:
        [probabilities] = client.predict("photos", [{"photo": picture}])["probabilities"]
    assert probabilities.tolist() == line["probabilities"]
    body = json.dumps({"signature_name": "columnar", "instances": [{"photo": b64}]})
    url = f"http://{server.rest}/v1/models/photos:predict"
    answer = subprocess.run(["curl", "-s", url, "-d", "@-"], input=body, capture_output=True, text=True, check=True)
    [prediction] = json.loads(answer.stdout)["predictions"]
    found = prediction["probabilities"] if isinstance(prediction, dict) else prediction
    assert found == pytest.approx(line["probabilities"], abs=1e-6)


BROKEN = [
    (b"files/light/0.PNG", r"does not hold a picture \(PNG, JPEG, GIF or BMP\) in: .*photo"),
    (encoded(9)[:-20], r"PNG.*in_column_photo"),
    (encoded(9, form="JPEG")[:-40], r"JPEG.*in_column_photo"),
    (b"", r"photo.* is missing in a row"),
]


@pytest.mark.parametrize(("sent", "reason"), BROKEN)
def test_what_is_no_picture_is_refused(server, sent, reason):
    with Client(server.target) as client:
        # What is missing, the client refuses itself.
        with pytest.raises(InvalidRequest if sent else ValueError, match=f"(?s){reason}" if sent else "row 1, photo: "):
            client.predict("photos", [{"photo": encoded(9)}, {"photo": sent}])
        examples = [tf.train.Example() for _ in range(2)]
        for example, value in zip(examples, [encoded(9), sent], strict=True):
            example.features.feature["kind"].bytes_list.value.append(b"dark")
            example.features.feature["photo"].bytes_list.value.append(value)
        records = np.array([example.SerializeToString() for example in examples], object)
        for signature in ("serving_default", "transform_features"):
            with pytest.raises(InvalidRequest, match=f"(?s){reason}"):
                client.predict_arrays("photos", {"examples": records}, signature=signature)
    body = json.dumps(
        {"signature_name": "columnar", "instances": [{"photo": {"b64": base64.b64encode(sent).decode()}}]}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{server.rest}/v1/models/photos:predict", body.encode(), timeout=30)
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty", None, "has no pictures; they end in .png, .jpg"),
        ("1.png", b"", "row 0, photo: is missing, and the model cannot do without it"),
        ("1.jsonl", b'{"photo": {"b64": "%"}}\n', "line 1: is not base64"),
    ],
)
def test_the_command_says_what_is_wrong(server, capsys, tmp_path, name, content, message):
    path = tmp_path / name
    path.mkdir() if content is None else path.write_bytes(content)
    code, lines, err = said(server, capsys, "predict", path)
    assert code
    assert lines == []
    assert message in err
    assert "Traceback" not in err
