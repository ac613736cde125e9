-- A request that can be decided anew: its Vorgang (?2) is decided and not delivered, and what came is still kept.
SELECT i.row FROM inbox i JOIN sealed s ON s.row = i.sealed JOIN vorgang v ON v.key = ?2
WHERE i.id = ?1 AND i.state = 'accepted' AND i.kept = 1 AND s.data_key IS NOT NULL AND v.state = 'entschieden'
