"""The kinds of the section ``data``: files, and what else a project reads."""
