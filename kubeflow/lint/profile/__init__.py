"""Rules on the profile: places, machines, images, secrets. Every module with ``RULES`` here is found by itself."""
