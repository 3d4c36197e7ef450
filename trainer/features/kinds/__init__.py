"""The kinds of features: one module each, found by its name.

A module defines ``Options``, a `trainer.features.kind.Kind` with the options that the config may give, and
``transform(columns, raw, outputs)``, which turns all columns of the kind into what the network gets.
"""
