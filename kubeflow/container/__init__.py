"""What runs inside the containers of a compiled pipeline."""
