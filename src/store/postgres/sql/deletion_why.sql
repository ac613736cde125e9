-- Why the rest of this transaction deletes: a class for the ledger.
SELECT set_config('drehscheibe.grund', $1, true)
