"""AUC on the eval split, against scikit-learn's HistGradientBoostingClassifier on the same columns and rows.

Ours is the ``serving_default`` signature of the exported SavedModel; the peer is trained on the raw columns of the same
train split and handles categories and missing values natively. Three seeds each.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench import report
from pipeline.config.config import Config
from pipeline.config.loading import load

_ROOT = Path(__file__).resolve().parent.parent
_SEEDS = (0, 1, 2)


def train(runs: Path, *, seed: int) -> Path:
    """Run the pipeline up to the Trainer with a seed and return the newest SavedModel."""
    words = ["--set", f"runs={runs}", "--set", f"trainer.loop.seed={seed}", "--to", "Trainer"]
    subprocess.run([sys.executable, "-m", "pipeline", "run", *words], cwd=_ROOT, check=True, stdout=sys.stderr)
    models = (runs / "taxi" / "artifacts" / "Trainer" / "model").iterdir()
    return max(models, key=lambda path: int(path.name)) / "Format-Serving"


def read_split(runs: Path, split: str) -> list[bytes]:
    """The serialized raw examples of a split."""
    from components.example_gen.shards import read_records

    [folder] = runs.glob(f"taxi/artifacts/ExampleGen/examples/*/Split-{split}")
    return read_records(str(folder))


def our_auc(saved_model: Path, records: list[bytes], labels: np.ndarray) -> float:
    """AUC of the export, through the signature that is served."""
    from sklearn.metrics import roc_auc_score

    from serving.inference.engine import SavedModel

    model = SavedModel(str(saved_model))
    outputs = model.run(model.signatures["serving_default"], {"examples": np.array(records, object)})
    return float(roc_auc_score(labels, outputs["probability"][:, 0]))


def peer_auc(config: Config, train_rows: list[dict], eval_rows: list[dict], labels: np.ndarray, *, seed: int) -> float:
    """AUC of scikit-learn's gradient boosting with its defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    names = config.features.names()
    categories = {
        name: {value: code for code, value in enumerate(sorted({row[name] for row in train_rows if name in row}))}
        for name, options in config.features.columns()
        if options.kind == "category" and not options.codes
    }

    def table(rows: list[dict]) -> np.ndarray:
        columns = [
            [
                categories[name].get(row.get(name), np.nan) if name in categories else row.get(name, np.nan)
                for row in rows
            ]
            for name in names
        ]
        return np.array(columns, float).T

    model = HistGradientBoostingClassifier(
        random_state=seed, categorical_features=[names.index(name) for name in categories]
    )
    model.fit(table(train_rows), [config.label.of(row) for row in train_rows])
    return float(roc_auc_score(labels, model.predict_proba(table(eval_rows))[:, 1]))


def main() -> None:
    """Print one line with the ratio of the medians and the difference of the means."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    config = load(config=_ROOT / "configs" / "taxi.yaml", profile="local")
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        exports = [train(runs, seed=seed) for seed in _SEEDS]
        from pipeline.running.live.live_check import example_row

        records = read_split(runs, "eval")
        eval_rows = [example_row(record) for record in records]
        train_rows = [example_row(record) for record in read_split(runs, "train")]
        labels = np.array([config.label.of(row) for row in eval_rows])
        ours = [our_auc(export, records, labels) for export in exports]
    peer = [peer_auc(config, train_rows, eval_rows, labels, seed=seed) for seed in _SEEDS]
    difference = statistics.mean(ours) - statistics.mean(peer)
    print(
        report.line(
            "AUC on the eval split",
            ours=ours,
            peer=peer,
            unit="AUC",
            peer_name="HistGradientBoostingClassifier",
            mean_difference=round(difference, 4),
            rows=len(labels),
        )
    )


if __name__ == "__main__":
    main()
