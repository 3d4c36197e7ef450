"""The features: from raw columns to what the network gets."""
