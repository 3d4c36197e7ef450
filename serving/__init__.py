"""Everything after the push: the embedded model server and the client that calls it."""
