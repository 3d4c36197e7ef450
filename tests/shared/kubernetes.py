"""The Kubernetes versions whose schemas the files are checked against."""

# The oldest Kubernetes whose schemas we promise to fit, and a newer one.
VERSIONS = ("1.29", "1.34")
