"""Classification and regression heads: what their signatures must look like, and their outputs as results.

The checks and their texts are TF Serving's (servables/tensorflow/classifier.cc and regressor.cc). By its default
(``--enable_signature_method_name_check=false``) the tensors of a signature decide, not its method name: TF2 writes the
predict method for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2, regression_pb2

from serving.errors import StatusError, invalid_argument
from serving.inference.servable import SignatureDef

INPUTS = "inputs"
CLASSES, SCORES, OUTPUTS = "classes", "scores", "outputs"
CLASSIFY, REGRESS = tf.saved_model.CLASSIFY_METHOD_NAME, tf.saved_model.REGRESS_METHOD_NAME


def classification_outputs(signature: SignatureDef) -> list[str]:
    """The outputs to run for a classification: classes, scores or both.

    Raises:
        StatusError: the signature is not one for classification.
    """
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUTS not in signature.inputs:
        raise invalid_argument(f"No classification inputs found in SignatureDef: {signature}")
    names = [name for name in (CLASSES, SCORES) if name in signature.outputs]
    if not names:
        raise invalid_argument(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {signature}"
        )
    return names


def regression_outputs(signature: SignatureDef) -> list[str]:
    """The output to run for a regression.

    Raises:
        StatusError: the signature is not one for regression.
    """
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if INPUTS not in signature.inputs:
        raise invalid_argument(f"No regression inputs found in SignatureDef: {signature}")
    if OUTPUTS not in signature.outputs:
        raise invalid_argument(f"No regression outputs found in SignatureDef: {signature}")
    return [OUTPUTS]


def classification_result(outputs: Mapping[str, np.ndarray], examples: int) -> classification_pb2.ClassificationResult:
    """Labels and scores of each example.

    Args:
        outputs: ``classes``, strings ``[examples, labels]``, or ``scores``, float32 of the same shape, or both.
        examples: int, examples in the request.

    Raises:
        StatusError: an output has another shape or type.
    """
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    if classes is not None:
        _check_matrix(classes, CLASSES, types_pb2.DT_STRING, examples)
    if scores is not None:
        _check_matrix(scores, SCORES, types_pb2.DT_FLOAT, examples)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise invalid_argument(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    result = classification_pb2.ClassificationResult()
    labels = [[]] * examples if classes is None else [[_text(label) for label in row] for row in classes.tolist()]
    values = [[]] * examples if scores is None else scores.tolist()
    for row_labels, row_scores in zip(labels, values, strict=True):
        add = result.classifications.add().classes.add
        for label, score in zip_longest(row_labels, row_scores):
            add(label=label, score=score)
    return result


def regression_result(output: np.ndarray, examples: int) -> regression_pb2.RegressionResult:
    """One number for each example.

    Args:
        output: float32, ``[examples]`` or ``[examples, 1]``.
        examples: int, examples in the request.

    Raises:
        StatusError: the output has another shape or type.
    """
    if output.ndim != 1 and (output.ndim != 2 or output.shape[1] != 1):
        raise invalid_argument(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape_text(output)}"
        )
    if output.shape[0] != examples:
        raise invalid_argument(f"Input batch size did not match output batch size: {examples} vs. {output.shape[0]}")
    if output.dtype != np.float32:
        raise invalid_argument(f"Expected output Tensor of DT_FLOAT.  Got: {_type_name(output)}")
    result = regression_pb2.RegressionResult()
    for value in output.ravel().tolist():
        result.regressions.add(value=value)
    return result


def _check_matrix(array: np.ndarray, name: str, wanted: int, examples: int) -> None:
    if array.ndim != 2:
        raise invalid_argument(f"Expected Tensor shape: [batch_size num_classes] but got {_shape_text(array)}")
    if tf.dtypes.as_dtype(array.dtype).as_datatype_enum != wanted:
        raise invalid_argument(f"Expected {name} Tensor of {types_pb2.DataType.Name(wanted)}. Got: {_type_name(array)}")
    if array.shape[0] != examples:
        raise invalid_argument(f"Expected {name} output batch size of {examples}. Got: {array.shape[0]}")


def _shape_text(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _type_name(array: np.ndarray) -> str:
    return types_pb2.DataType.Name(tf.dtypes.as_dtype(array.dtype).as_datatype_enum)


def _text(label: bytes) -> str:
    try:
        return label.decode()
    except UnicodeDecodeError:
        # A protobuf string holds only UTF-8; the C++ server would send bytes that no client can parse.
        raise StatusError(grpc.StatusCode.INTERNAL, f"the model's label {label!r} is not UTF-8") from None
