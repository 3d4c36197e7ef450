"""Files on this machine whose addresses look like a bucket's: ``far:/`` before their path."""

from apache_beam.io.localfilesystem import LocalFileSystem


class Remote(LocalFileSystem):
    """Beam finds it by its scheme."""

    @classmethod
    def scheme(cls):
        return "far"

    def open(self, path, *args, **options):
        return super().open(path.removeprefix("far:/"), *args, **options)

    def match(self, patterns, *args, **options):
        return super().match([pattern.removeprefix("far:/") for pattern in patterns], *args, **options)
