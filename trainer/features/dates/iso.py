"""How dates are written: as ISO text, for RE2 (the engine of TensorFlow and Arrow), or as a number since 1970."""

from __future__ import annotations

# Groups: year, month, day, hour, minute, second, hour and minute of the zone.
ISO = (
    r"^\s*(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\s*(?:Z|UTC|([+-]\d{2}):?(\d{2}))?)?\s*$"
)
# Without what no calendar or clock has; a leap day may stand in any year.
READABLE = (
    r"^\s*\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|[12]\d))"
    r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d+)?)?\s*(?:Z|UTC|[+-](?:0\d|1[0-4]):?[0-5]\d)?)?\s*$"
)
# A number of at least the first is in nano-, micro- or milliseconds, of which the second make a second; seconds reach
# 1e11 in the year 5138.
UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
