"""The PostgreSQL server that Holdfast brings along, and who runs it when."""
