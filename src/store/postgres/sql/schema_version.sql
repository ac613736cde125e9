SELECT max(version)::bigint FROM drehscheibe.refinery_schema_history
