"""The result for people and programs: JSON with a schema, terminal tables, HTML, progress."""
