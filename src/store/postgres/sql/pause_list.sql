-- Those that end by themselves count until then.
SELECT kind, name, until, since, sealed FROM pause WHERE until IS NULL OR until > $1 ORDER BY kind, name
