-- Contents of rows that go.
DELETE FROM sealed WHERE nr = ANY($1::bigint[])
