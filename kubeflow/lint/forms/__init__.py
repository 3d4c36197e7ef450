"""The forms of names that rules of several rooms compare with."""
