-- Those that have ended by themselves and whose time was not given back yet.
SELECT kind, name, since, until FROM pause WHERE until <= ?1 AND since < until
