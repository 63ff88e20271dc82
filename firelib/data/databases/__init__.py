"""Tables and queries of databases, read through ADBC and DuckDB on connections that cannot write."""
