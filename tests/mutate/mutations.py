"""The mutations: each breaks one decision that nothing else makes up for."""

from __future__ import annotations

from tests.mutate.data_gate import DATA_GATE
from tests.mutate.drift import DRIFT
from tests.mutate.lite import LITE_GATE  # part: lite
from tests.mutate.model_gate import MODEL_GATE
from tests.mutate.mutation import Mutation
from tests.mutate.watch import WATCH  # part: watch

_GATES = "tests/components/gates"
_MODEL_GATE = (f"{_GATES}/test_model_gate.py",)
_EVALUATION = (f"{_GATES}/evaluation",)
_INFRA = (f"{_GATES}/infra",)
_PUSH = ("tests/components/push/test_pusher.py",)
_LOOP = ("tests/trainer/loop/test_loop.py",)
_CODEC = ("tests/serving/client/test_tensors.py",)

MUTATIONS = (
    *DATA_GATE,
    *DRIFT,
    Mutation(
        "Evaluator blesses everything",
        "components/evaluator/component.py",
        "blessed = tfma.load_validation_result(evaluation).validation_ok",
        "blessed = True",
        _EVALUATION,
    ),
    Mutation(
        "Evaluator ignores example weights",
        "components/evaluator/rows.py",
        "weights = _of(self.weights, model) if weighted else None",
        "weights = None",
        ("tests/components/evaluator/test_by_batch.py",),
    ),
    Mutation(
        "Evaluator merges only the first of several bundles",
        "components/evaluator/combiners/combiner.py",
        "return first + second",
        "return first",
        ("tests/components/evaluator/test_by_batch.py",),
    ),
    Mutation(
        "ModelGate ignores the Evaluator",
        "components/gates/model_gate.py",
        "if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) != constants.BLESSED_VALUE:",
        "if False:",
        _EVALUATION,
    ),
    Mutation(
        "ModelGate ignores the minimum of a slice",
        "components/gates/model_gate.py",
        'value < at_least(threshold["min"])',
        'value > at_least(threshold["min"])',
        _MODEL_GATE,
    ),
    Mutation(
        "ModelGate ignores the maximum of a slice",
        "components/gates/model_gate.py",
        'value > at_most(threshold["max"])',
        'value < at_most(threshold["max"])',
        _MODEL_GATE,
    ),
    Mutation(
        "ModelGate lets a slice drop",
        "components/gates/model_gate.py",
        'value < before - threshold["max_drop"]',
        'value < before - 1 - threshold["max_drop"]',
        _MODEL_GATE,
    ),
    Mutation(
        "ModelGate lets a first model pass that must be refused",
        "components/gates/model_gate.py",
        'first_run == "refuse"',
        'first_run == "refused"',
        _EVALUATION,
    ),
    Mutation(
        "InfraValidator tolerates any difference",
        "components/gates/trained_model.py",
        "if not largest <= tolerance:",
        "if largest > 1e9:",
        _INFRA,
    ),
    Mutation(
        "InfraValidator takes NaN for equal",
        "components/gates/trained_model.py",
        "if not largest <= tolerance:",
        "if largest > tolerance:",
        _INFRA,
    ),
    Mutation(
        "InfraValidator does not miss a signature",
        "components/gates/trained_model.py",
        "    if missing:\n",
        "    if False:\n",
        _INFRA,
    ),
    Mutation(
        "InfraValidator sends only complete rows",
        "serving/inference/probe.py",
        "columns=columns, signatures=requests",
        "columns=[], signatures=requests",
        _INFRA,
    ),
    Mutation(
        "InfraValidator takes any number for a missing value",
        "components/gates/unusual_rows.py",
        "        if difference:\n",
        "        if False:\n",
        _INFRA,
    ),
    Mutation(
        "InfraValidator accepts a refusal that names no column",
        "serving/inference/unusual_rows.py",
        "if named and invalid else",
        "if invalid else",
        _INFRA,
    ),
    LITE_GATE,  # part: lite
    *WATCH,  # part: watch
    *MODEL_GATE,
    Mutation(
        "InfraValidator sends no extreme values",
        "serving/inference/unusual_rows.py",
        "asked(_with_extremes, group, place)",
        "()",
        _INFRA,
    ),
    Mutation(
        "Pusher pushes bytes that were not judged",
        "components/push/pusher.py",
        "judged is not None and model_digest(stage) != judged",
        "False",
        _PUSH,
    ),
    Mutation(
        "The cache yields what has changed",
        "pipeline/running/artifact_files.py",
        "return bool(damaged)",
        "return False",
        ("tests/pipeline/running/test_artifact_files.py",),
    ),
    Mutation(
        "A damaged served version without a copy is compared with",
        "pipeline/running/served_model.py",
        "or served != pushed:",
        "or False:",
        ("tests/pipeline/running/test_served_model.py",),
    ),
    Mutation(
        "Pusher ignores the Evaluator's blessing",
        "components/push/pusher.py",
        "!= constants.BLESSED_VALUE:",
        "== object():",
        _PUSH,
    ),
    Mutation(
        "Pusher ignores infra validation",
        "components/push/pusher.py",
        "if not infra.is_blessed(infra_blessing):",
        "if False:",
        _PUSH,
    ),
    Mutation(
        "A version is visible before it is complete",
        "components/push/pusher.py",
        'stage = base_directory / f"{STAGE_PREFIX}{uuid.uuid4().hex}"',
        "stage = base_directory / str(version)",
        _PUSH,
    ),
    Mutation(
        "A version is never renamed into place",
        "components/push/pusher.py",
        "            stage.rename(base_directory / str(version))\n",
        "",
        _PUSH,
    ),
    Mutation(
        "A push may reuse the number of the newest version",
        "components/push/pusher.py",
        "max(int(time.time()), newest + 1)",
        "max(int(time.time()), newest)",
        _PUSH,
    ),
    Mutation(
        "The training step does not update the weights",
        "trainer/loop/step.py",
        "        self.optimizer.apply(self._clipped(gradients), self.model.trainable_variables)\n",
        "",
        _LOOP,
    ),
    Mutation(
        "The training step does not clip",
        "trainer/loop/step.py",
        "self.optimizer.apply(self._clipped(gradients)",
        "self.optimizer.apply(gradients",
        _LOOP,
    ),
    Mutation(
        "The training step ignores example weights",
        "trainer/loop/step.py",
        "loss = tf.math.divide_no_nan(tf.reduce_sum(losses * weight), total)",
        "loss = tf.math.divide_no_nan(tf.reduce_sum(losses), total)",
        _LOOP,
    ),
    Mutation(
        "Averaged weights are never updated",
        "trainer/loop/step.py",
        "            self._update_averages()\n",
        "",
        _LOOP,
    ),
    Mutation(
        "Accumulated gradients lose all but the first micro-batch",
        "trainer/loop/step.py",
        "gradients = [a + b for a, b in zip(gradients, new, strict=True)]",
        "gradients = list(gradients)",
        _LOOP,
    ),
    Mutation(
        "The codec loses the order of dimensions",
        "serving/client/messages/tensors.py",
        "return flat.reshape(shape)",
        "return flat.reshape(shape[::-1])",
        _CODEC,
    ),
    Mutation(
        "The codec does not check raw bytes against the shape",
        "serving/client/messages/tensors.py",
        "elif len(content) != count * dtype.itemsize:",
        "elif False:",
        _CODEC,
    ),
    Mutation(
        "The codec writes varints of more than one byte wrong",
        "serving/client/messages/tensors.py",
        "encoded.append(number & 127 | 128)",
        "encoded.append(number & 127)",
        _CODEC,
    ),
    Mutation(
        "The codec does not repeat the last value of a typed field",
        "serving/client/messages/tensors.py",
        "np.repeat(flat[-1:], count - given)",
        "np.repeat(flat[:1], count - given)",
        _CODEC,
    ),
    Mutation(
        "A histogram counts an edge value in the next bucket",
        "serving/metrics.py",
        "bucket = bisect_left(self._bounds, value)",
        "bucket = bisect_left(self._bounds, value + 1)",
        ("tests/serving/test_metrics.py",),
    ),
    Mutation(
        "Examples go to the split beside theirs",
        "components/example_gen/rows/splits.py",
        "return bisect.bisect(self._bounds, bucket)",
        "return bisect.bisect_left(self._bounds, bucket)",
        ("tests/components/example_gen/test_example_gen.py", "-k", "split or stock"),
    ),
)
