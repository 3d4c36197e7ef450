"""TF Serving's REST API over HTTP."""
