-- How long ago the server started, in milliseconds: then every connection was cut.
SELECT (extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) * 1000)::bigint
