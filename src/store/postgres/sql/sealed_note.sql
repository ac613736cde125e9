-- New notes under the same data keys.
UPDATE sealed s SET note = n.note FROM unnest($1::bigint[], $2::bytea[]) AS n(nr, note) WHERE s.nr = n.nr
