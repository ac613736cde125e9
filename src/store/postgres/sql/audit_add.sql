-- Changes and their links of the Nachweiskette.
INSERT INTO audit (nr, at, stamp, traceparent, subject, what, detail, salt, strang, glied, hash, chain)
SELECT a.nr, a.at, a.stamp, a.traceparent, a.subject, a.what, a.detail, a.salt, $9::bigint, a.glied, a.hash, a.chain
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::bytea[], $8::bytea[],
  $10::bigint[], $11::bytea[], $12::bytea[])
  AS a(nr, at, stamp, traceparent, subject, what, detail, salt, glied, hash, chain)
