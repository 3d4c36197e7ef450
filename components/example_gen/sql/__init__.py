"""ExampleGen from a query: a database's rows, through ADBC, into the ingest of files."""
