"""What has changed since earlier data, and between the data and the requests: measured, limited, accepted."""
