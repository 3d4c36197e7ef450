"""Bodies that were zipped, with a limit: a few hundred kilobytes may unzip to gigabytes."""

from __future__ import annotations

import zlib

# zlib: a gzip header and trailer.
_GZIP = 31


def unzip(body: bytes, *, most: int) -> bytes:
    """The content of all members, cut one byte above ``most``.

    Raises:
        zlib.error: the body is no gzip stream, or ends early.
    """
    content = b""
    while body and len(content) <= most:
        member = zlib.decompressobj(_GZIP)
        content += member.decompress(body, most + 1 - len(content))
        if not member.eof and len(content) <= most:
            raise zlib.error("the stream ends early")
        body = member.unused_data
    return content
