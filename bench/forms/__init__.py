"""Transform by kind, as in `trainer.features`, against the usual form: analyzers for every column."""
