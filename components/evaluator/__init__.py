"""The Evaluator: TFMA's configuration, metrics, files and verdicts, computed on arrays of rows."""
