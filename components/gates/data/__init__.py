"""The gate of the data: what the statistics, the rows and earlier data say against them."""
