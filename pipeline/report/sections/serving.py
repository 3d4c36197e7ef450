"""What is served: answers about real rows, size, speed, signatures with a request to copy, and TF Lite files."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from markupsafe import Markup

from pipeline.records import printing
from pipeline.report import lite  # part: lite
from pipeline.report.data import sample_rows
from pipeline.report.html.templates import render
from pipeline.report.run import SERVING_MODEL, ReportedRun

# What optional nodes add, each below its heading.
_EXTRAS: tuple[tuple[str, Callable[[ReportedRun], Markup | None]], ...] = (
    ("TF Lite", lite.shown),  # part: lite
)
_SIZES = (1, 32)
# A row with a picture makes a request that nobody copies.
_MOST_LETTERS = 2_000
_TEMPLATE = """\
<dl class="facts">
<div><dt>size</dt><dd>{{ size }}</dd></div>
{% for rows, (middle, high) in speed %}
<div><dt>{{ rows }} row{{ "s" if rows > 1 }}</dt><dd>{{ "%.1f"|format(middle) }} ms</dd>
<dd class="note">{{ "%.1f"|format(high) }} ms at the 95th percentile</dd></div>
{% endfor %}
</dl>
{% if speed %}<p class="note">Measured in the process that wrote this page, without a network.</p>{% endif %}
{% if signatures %}<p>Signatures: {% for one in signatures %}<code>{{ one }}</code> {% endfor %}</p>{% endif %}
{% if answers %}<h3>Asked over gRPC after the push</h3>{{ answers }}{% endif %}
{% if requests %}
<h3>Requests to copy</h3>
{% if not pushed %}<p>This model is not served; the requests fit the one that is.</p>{% endif %}
<p>Serve with <code>{{ serve }}</code>.</p>
{% for what, text in requests %}
<details><summary>{{ what }}</summary><pre tabindex="0"><code>{{ text }}</code></pre></details>
{% endfor %}
{% endif %}
{% for heading, shown in extras %}<h3>{{ heading }}</h3>{{ shown }}{% endfor %}
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Serving"


def body(run: ReportedRun) -> Markup:
    """The section's HTML; empty if nothing was trained."""
    folder = run.folder("Trainer", "model")
    if folder is None:
        return Markup()
    records = [record for record in run.rows.records if record] if run.rows else []
    speed = [(size, run.model.milliseconds(records[:size])) for size in _SIZES if run.model and len(records) >= size]
    config = run.config
    return render(
        _TEMPLATE,
        size=printing.size(_bytes(folder / SERVING_MODEL)),
        speed=speed,
        signatures=run.model.signatures if run.model else (),
        answers=_answers(run),
        pushed=run.record.result.startswith("pushed"),
        requests=list(_requests(run, records[:1])),
        serve=f"python -m serving.server --model_name {config.serving.model_name} --model_base_path "
        f"{printing.path(config.serving_folder)} --rest_api_port 8501",
        extras=[(heading, shown) for heading, of in _EXTRAS if (shown := of(run)) is not None],
    )


def _answers(run: ReportedRun) -> Markup | None:
    if not run.answers:
        return None
    said = {
        what: [answer.said.get(what, "") for answer in run.answers]
        for what in dict.fromkeys(name for answer in run.answers for name in answer.said)
    }
    said["truth"] = [answer.truth for answer in run.answers]
    return sample_rows.shown(
        [answer.row for answer in run.answers],
        words="Answers about real rows",
        features=run.config.features,
        before=said,
    )


def _requests(run: ReportedRun, records: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """What to type, and the text; nothing of rows that are too long to copy."""
    name = run.config.serving.model_name
    for record, row in zip(records, sample_rows.rows(records), strict=True):
        encoded = base64.b64encode(record).decode()
        if len(encoded) > _MOST_LETTERS:
            return
        rest = json.dumps({"instances": [{"b64": encoded}]})
        yield "curl", f"curl http://localhost:8501/v1/models/{name}:predict -d '{rest}'"
        tensor = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": 1}]}, "string_val": [encoded]}
        request = json.dumps({"model_spec": {"name": name}, "inputs": {"examples": tensor}})
        yield (
            "grpcurl",
            "# in a folder with the sources of TensorFlow and TensorFlow Serving\n"
            "grpcurl -plaintext -import-path serving -import-path tensorflow \\\n"
            f"  -proto tensorflow_serving/apis/prediction_service.proto -d '{request}' \\\n"
            "  localhost:8500 tensorflow.serving.PredictionService/Predict",
        )
        yield (
            "Python",
            "from serving.client import Client\n\n"
            f'with Client("localhost:8500") as client:\n    print(client.predict({name!r}, [{row!r}]))',
        )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
