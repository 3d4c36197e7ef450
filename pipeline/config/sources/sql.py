"""``data: {format: sql}``: the rows of a query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import model_validator

from components.example_gen.reading import CsvOptions
from components.example_gen.rows.options import ByFiles
from components.example_gen.sql.options import FILE, Query
from pipeline.config.data import Examples


class Sql(Query, Examples):
    """Examples from a database.

    Attributes:
        format: ``sql``.
    """

    format: Literal["sql"]

    @property
    def title(self) -> str:
        """See `Examples`."""
        return f"{self.driver} query"

    @property
    def path(self) -> None:
        """No folder: the rows are written below the pipeline's artifacts while they are ingested."""
        return

    @property
    def patterns(self) -> Mapping[str, str]:
        """The one file that the rows are ingested from."""
        return {"all": FILE}

    @property
    def window(self) -> int:
        """A query has no spans."""
        return 1

    @property
    def file_format(self) -> Literal["arrow"]:
        """The format of that file."""
        return "arrow"

    @property
    def csv(self) -> CsvOptions:
        """The options of a CSV file: none, as it is an Arrow file."""
        return CsvOptions()

    def as_query(self) -> Query:
        """What the executor needs to know."""
        return Query(**{name: getattr(self, name) for name in Query.model_fields})

    @model_validator(mode="after")
    def _has_no_files(self) -> Sql:
        if isinstance(self.splits, ByFiles):
            raise ValueError("splits: there are no files to split by; choose another `by`")
        return self
