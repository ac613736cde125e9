-- Those that have ended by themselves and whose time was not given back yet, in the order in which they ended; held until the end of the transaction.
SELECT kind, name, since, until FROM pause WHERE until <= $1 AND since < until ORDER BY until, kind, name FOR UPDATE
