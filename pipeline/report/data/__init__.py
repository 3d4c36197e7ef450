"""What the section on data is made of: each column, in train, in eval and in the data of the served model."""
