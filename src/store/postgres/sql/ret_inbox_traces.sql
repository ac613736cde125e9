DELETE FROM inbox_subject WHERE inbox = ANY($1::bigint[])
