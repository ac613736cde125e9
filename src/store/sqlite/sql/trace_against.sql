-- What rests on a key (?2) and was decided and not delivered is noted under another one (?1).
INSERT OR IGNORE INTO vorgang_spur (key, vorgang)
SELECT ?1, s.vorgang FROM vorgang_spur s JOIN vorgang v ON v.key = s.vorgang WHERE s.key = ?2 AND v.state = 'entschieden'
