-- A changed record gets a new data key; the old one is gone with the row's former content.
UPDATE sealed s SET mandant_key = n.mandant_key, subject_key = n.subject_key, data_key = n.data_key, head = n.head,
  body = n.body, note = n.note
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])
  AS n(nr, mandant_key, subject_key, data_key, head, body, note)
WHERE s.nr = n.nr
