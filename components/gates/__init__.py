"""The gates of data, model and export: each a component that refuses what must not be served."""
