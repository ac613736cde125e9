-- Of these rows, which have arrived, those whose child was deleted on their way.
DELETE FROM outbox_doomed WHERE nr = ANY($1::bigint[]) RETURNING nr
