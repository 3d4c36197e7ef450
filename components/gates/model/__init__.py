"""What ModelGate judges beside the limits on metrics."""
