"""Rules on what the profile says: places, machines, images, secrets."""
