DELETE FROM raeumung WHERE was = ANY($1::text[])
