-- Traces from children to messages that their keys do not seal.
INSERT INTO inbox_subject (key, inbox) SELECT * FROM unnest($1::bytea[], $2::bigint[]) ON CONFLICT DO NOTHING
