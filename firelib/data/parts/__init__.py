"""The rows that become a version of a table: divided, stored, hashed and written without all of them in memory."""
