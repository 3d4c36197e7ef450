"""TF Lite: export, gate and push."""
