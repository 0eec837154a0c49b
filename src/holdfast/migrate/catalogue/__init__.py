"""What a database holds, read from PostgreSQL's catalogue into a canonical form, compared and mended."""
