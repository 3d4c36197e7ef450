"""The push to the serving folder, and the champion that the next run is compared with."""
