"""How good a model is on the rows that the Evaluator kept, beside the served one on the same rows."""
