"""Assets as Parquet on S3 or on a disk."""
