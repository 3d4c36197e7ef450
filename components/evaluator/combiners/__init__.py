"""TFMA's combiners on arrays of rows: a kind is a file, and one line here."""

from components.evaluator.combiners.calibration import WeightedMeans
from components.evaluator.combiners.combiner import BatchCombiner
from components.evaluator.combiners.confusion_matrices import ConfusionMatrices
from components.evaluator.combiners.correlation import SquaredCorrelation
from components.evaluator.combiners.example_count import ExampleCount
from components.evaluator.combiners.histogram import CalibrationHistogram
from components.evaluator.combiners.keras_means import KerasMeans
from components.evaluator.combiners.own_mean import OwnMean
from components.evaluator.combiners.regression_errors import RegressionError

KINDS: tuple[type[BatchCombiner], ...] = (
    CalibrationHistogram,
    ConfusionMatrices,
    ExampleCount,
    KerasMeans,
    OwnMean,
    RegressionError,
    SquaredCorrelation,
    WeightedMeans,
)
