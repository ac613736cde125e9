-- Their contents are gone, and they were not sent again since.
DELETE FROM followed f USING unnest($1::bigint[], $2::bigint[]) AS n(nr, since) WHERE f.nr = n.nr AND f.since = n.since
