-- Written again after a crash it is the same entry.
INSERT INTO ledger (id, at, class, kind, record, subject_key, keys, created, until)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING
