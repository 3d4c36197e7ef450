"""A kind for each column, or why it is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from components.example_gen.pictures.files import is_picture
from components.messages import shown
from components.reference.column_encoders import is_iso
from pipeline.init.judging.date_formats import WHOLE, are_dates, best_formats, misfit
from pipeline.init.judging.treatment import Treatment, is_number
from pipeline.init.reading import pictures
from pipeline.init.reading.profile import ColumnProfile

_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_OTHER_DATE = re.compile(
    r"\s*(\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})|\d{4}[./-]\d{1,2}[./-]\d{1,2}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}}|\d{{1,2}}\.?[ -]{_MONTH}[ -](\d{{4}}|\d{{2}}))\b.*",
    re.IGNORECASE,
)
# Bookkeepers write negative ones as (12.50) and 12.50-.
_AMOUNT = re.compile(
    r"\s*\(?[+\-−]?[$€£¥]?\s*[+\-−]?[\d.]\d*([.,' ]\d+)*(e[+-]?\d+)?\s*([$€£¥%]|[a-zA-Z]{1,3})?[-−]?\)?\s*"
)
_ID_NAME = re.compile(
    r"(^|[_\W])(id|ids|uuid|guid|key|index|nr|no|row)($|[_\W])|[a-z](Id|ID|Key)$|^unnamed", re.IGNORECASE
)
_TIME_NAME = re.compile(r"time|date|_at$|_ts$|^ts$|epoch|day$", re.IGNORECASE)
_CODE_NAME = re.compile(r"zone|zip|postal|code|area|tract|district|region|class|type|category|group", re.IGNORECASE)
# Seconds and milliseconds since 1970, from 1990 to 2050.
_EPOCHS = ((631_152_000, 2_524_608_000), (631_152_000_000, 2_524_608_000_000))
# Days as people write them in one number.
_DAYS = (19_000_101, 21_001_231)
_LOOKED_AT = 2_000
_MOST_OF = 0.95
_FEWEST = 10
# Whole numbers of so many values are read as categories, too.
_FEW_NUMBERS = (3, 30)
# Rows of each value, in the mean, from which on whole numbers with a code's name are codes alone.
_CODE_ROWS = 10
# As the default network wants them; one number for all columns of a table, so that they are analysed together.
_BINS, _ROWS_PER_BIN = (8, 48), 30
_VOCABULARY = 1_000
_HASHED = 20_000
_WORDS = 4
_FEW_TEXTS = 20
_SEPARATORS = ";|,/"
# The least float32 that keeps all its digits; smaller ones are often taken for 0.
_TINY = 2.0**-126


def treatment_of(column: ColumnProfile, values: pa.Array) -> Treatment:
    """The kind of a column.

    Args:
        column: what is known of it.
        values: the sample's values.
    """
    kind = "BYTES" if column.type == "UNKNOWN" else column.type
    if reason := _without_information(column):
        return Treatment(reason=reason, schema_type=kind)
    if column.is_list:
        return _several(column, kind)
    if kind != "BYTES":
        return _number(column, kind)
    some = values.drop_null().slice(0, _LOOKED_AT).to_pylist()
    return _text(column, [value for value in some if value])


def _without_information(column: ColumnProfile) -> str:
    if not column.present:
        return "no row has a value"
    if column.present < _FEWEST and column.share_missing > _MOST_OF:
        return f"a value in only {column.present} of {column.rows:,} rows"
    if column.is_number and 0 < max(-column.least, column.most) < _TINY:
        return "its numbers are too small for a float32, which would make them 0: scale them"
    if not column.is_list and column.coarse:
        return column.coarse
    # A value that some rows lack tells these apart.
    if column.distinct == 1 and not column.missing:
        return f"constant, {shown(column.counts[0][0])} in every row"
    return ""


def _several(column: ColumnProfile, kind: str) -> Treatment:
    fewest, most = column.lengths
    if kind == "BYTES":
        return Treatment(entry="list" if most <= 32 else {"kind": "list", "max_values": most}, schema_type=kind)
    if fewest == most:
        return Treatment(entry={"kind": "vector", "length": most}, schema_type=kind)
    if kind == "INT":
        return Treatment(entry="list", schema_type=kind, warning="taken for codes, several a row")
    return Treatment(reason=f"lists of {fewest} to {most} numbers; a vector needs one length", schema_type=kind)


def _number(column: ColumnProfile, kind: str) -> Treatment:
    if column.whole:
        if any(low <= column.least <= column.most <= high for low, high in _EPOCHS) and _TIME_NAME.search(column.name):
            return Treatment(entry="date", schema_type=kind)
        written = kind == "INT" and _DAYS[0] <= column.least <= column.most <= _DAYS[1]
        if written and are_dates([day for day, _ in column.counts]):
            return Treatment(entry={"kind": "date", "format": WHOLE}, schema_type="INT")
        if reason := _identifier(column):
            return Treatment(reason=reason, schema_type=kind)
        few, many = _FEW_NUMBERS
        named = bool(_CODE_NAME.search(column.name)) and not column.many
        if named and column.repeats >= _CODE_ROWS:
            return Treatment(entry=_category(column), schema_type="INT")
        # Codes that each come a few times may be areas in square feet.
        if column.repeats >= few and (named or few <= column.distinct <= many):
            return Treatment(entry=[_binned(column), _category(column)], schema_type="INT")
    return Treatment(entry=_binned(column), schema_type=kind)


def _binned(column: ColumnProfile) -> Any:
    """A number with its place among quantile bins, of which few rows fill few."""
    fewest, most = _BINS
    if column.distinct <= _FEW_NUMBERS[0]:
        return "number"
    return {"kind": "number", "bins": min(most, max(fewest, column.rows // _ROWS_PER_BIN))}


def _identifier(column: ColumnProfile) -> str:
    """Why a column of whole numbers or short texts tells the rows apart and nothing else; empty if it does not."""
    named = bool(_ID_NAME.search(column.name))
    rows = f"each of {column.present:,} rows has its own value"
    if column.repeats == 1:
        dense = column.most - column.least < 2 * column.present
        if named or column.rising or (dense and column.present > _LOOKED_AT) or column.type == "BYTES":
            return f"an identifier, {rows}"
    elif named and column.type != "FLOAT" and column.distinct > 50 and column.repeats < 20:
        return f"an identifier, each value has {column.repeats:.1f} rows in the mean"
    return ""


def _text(column: ColumnProfile, some: Sequence[Any]) -> Treatment:
    if not column.is_utf8:
        return _bytes(some)
    texts = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in some]
    if column.undated <= (1 - _MOST_OF) * column.present:
        # One row without a date would be refused.
        wrong = [text for text, _ in column.counts if not is_iso(text)]
        if not wrong:
            return Treatment(entry="date", schema_type="BYTES")
        reason = (
            f"some values are not dates, such as {shown(wrong[0], limit=20)}: write 2024-01-31, or leave them empty"
        )
        return Treatment(reason=reason, schema_type="BYTES")
    if _most(texts, lambda text: bool(_OTHER_DATE.fullmatch(text))) and (dated := _dated(column)):
        return dated
    warning = _unreadable(texts)
    if not warning and (listed := _listed(column, texts)):
        return Treatment(entry=listed, schema_type="BYTES")
    words = sum(len(text.split()) for text in texts) / len(texts)
    own = column.repeats < 1.5
    if own and words >= _WORDS:
        return Treatment(entry="text", schema_type="BYTES")
    if own and column.distinct > _FEW_TEXTS:
        reason = "" if warning else _identifier(column)
        own_text = f"nearly every row has its own text, {warning or 'such as ' + shown(texts[0], limit=30)}"
        return Treatment(reason=reason or own_text, schema_type="BYTES")
    if reason := _identifier(column):
        return Treatment(reason=reason, schema_type="BYTES")
    return Treatment(entry=_category(column), warning=warning, schema_type="BYTES")


def _dated(column: ColumnProfile) -> Treatment | None:
    """A date in another format than ISO's; None where no format fits, or several do."""
    texts = [text for text, _ in column.counts]
    formats, fitting = best_formats(texts)
    if len(formats) != 1:
        return None
    if fitting == len(texts):
        return Treatment(entry={"kind": "date", "format": formats[0]}, schema_type="BYTES")
    wrong = shown(misfit(texts, formats[0]), limit=20)
    reason = f"some values are not dates of the format {formats[0]}, such as {wrong}: correct them, or leave them empty"
    return Treatment(reason=reason, schema_type="BYTES")


def _bytes(some: Sequence[Any]) -> Treatment:
    if all(is_picture(value) for value in some):
        height, width, channels = pictures.shape(some[:200])
        options = {"kind": "image", "height": height, "width": width, "channels": channels}
        return Treatment(entry=options, schema_type="BYTES")
    return Treatment(reason="bytes that are neither text nor pictures", schema_type="BYTES")


def _category(column: ColumnProfile) -> Any:
    """A vocabulary whose rare values share an id that is trained, or hashes of very many values."""
    options: dict[str, Any] = {"kind": "category"}
    if column.many:
        return {**options, "hash": _HASHED}
    min_count = min(30, max(2, column.rows // 1_000))
    if min_count > 2 and column.counts[-1][1] < min_count:
        options["min_count"] = min_count
    if sum(count >= min_count for _, count in column.counts) > _VOCABULARY:
        options["top_k"] = column.distinct
    return options if len(options) > 1 else "category"


def _listed(column: ColumnProfile, texts: Sequence[str]) -> dict[str, Any] | None:
    """The options of several values in one cell: their parts are few, and come again in other cells."""
    # One cell that is none would be refused.
    if all(isinstance(_json(text), list) for text in texts):
        return {"kind": "list", "json_list": True}
    for separator in _SEPARATORS:
        if sum(separator in text for text in texts) < 0.3 * len(texts):
            continue
        parts = [part.strip() for text in texts for part in text.split(separator)]
        short = sum(len(part.split()) for part in parts) <= 2 * len(parts)
        if short and len(set(parts)) * 2 < min(column.distinct, len(texts)) and all(parts):
            return {"kind": "list", "separator": separator}
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip().startswith("[") else None
    except ValueError:
        return None


def _unreadable(texts: Sequence[str]) -> str:
    if _most(texts, lambda text: bool(_OTHER_DATE.fullmatch(text))):
        odd = next((text for text in texts if not is_iso(text)), texts[0])
        formats, _ = best_formats(texts)
        way_out = f"give it the format {' or '.join(formats)}" if formats else "write it as 2024-01-31"
        return f"such as {shown(odd, limit=20)}, which may be a date: {way_out}"
    # Digits alone may be codes.
    if _most(texts, lambda text: bool(_AMOUNT.fullmatch(text))) and not all(map(str.isdigit, texts)):
        if strange := [text for text in texts if not _AMOUNT.fullmatch(text)]:
            return f"mostly numbers, but not {shown(strange[0], limit=20)}: correct such values, or leave them empty"
        odd = next((text for text in texts if not is_number(text)), None)
        if odd is None:
            longest = max(texts, key=len)
            return f"such as {shown(longest, limit=20)}, of more than 64 bits: write it as a float, such as 1e30"
        return f"such as {shown(odd, limit=20)}, which may be a number: write it without signs and units"
    return ""


def _most(texts: Sequence[str], matches: Callable[[str], bool]) -> bool:
    return bool(texts) and sum(map(matches, texts)) >= _MOST_OF * len(texts)
