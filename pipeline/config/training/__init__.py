"""How the model is trained: the network, the loop and the search for hyperparameters."""
