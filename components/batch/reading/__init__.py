"""Input files as blocks of rows, and their columns as the inputs of a signature."""
