-- All search keys of records.
DELETE FROM mirror_key WHERE mirror = ANY($1::bigint[])
