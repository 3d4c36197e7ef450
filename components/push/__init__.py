"""The push to the serving folder, and the champion with which the next run is compared."""
