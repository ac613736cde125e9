-- When this file was made: its first tables. Moments in microseconds.
SELECT CAST(unixepoch(min(applied_on)) * 1000000 AS INTEGER) FROM refinery_schema_history
