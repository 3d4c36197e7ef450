"""What rows cost: ingest, statistics, transformation and evaluation, ours and stock."""
