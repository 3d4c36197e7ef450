"""Boosted trees on the raw columns: the yardstick for the networks. No TensorFlow here."""
