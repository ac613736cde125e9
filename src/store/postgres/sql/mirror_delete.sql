-- Records that go.
DELETE FROM mirror WHERE nr = ANY($1::bigint[]) RETURNING id
