-- These messages run no more.
DELETE FROM waiting WHERE inbox = ANY($1::bigint[])
