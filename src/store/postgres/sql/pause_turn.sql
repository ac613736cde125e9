-- One transaction at a time ends or sets pauses: of two that end together each would leave to the other what both held.
SELECT pg_advisory_xact_lock(20033, 11)
