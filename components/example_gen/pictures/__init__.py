"""Pictures that are files: named by a column of a table, or in a folder for each class."""
