INSERT INTO idempotency (key, content, message, conflict, state, codes, seit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
-- A resumed message has its keys already: only the verdict changes, and only where the key is its own. Of what was forgotten (`FORGOT`
-- in `sealing/shown.rs`) the same said again takes them over.
ON CONFLICT (key) DO UPDATE SET message = excluded.message, state = excluded.state, codes = excluded.codes, seit = excluded.seit
  WHERE message = excluded.message OR (codes = 'vergessen' AND content = excluded.content)
