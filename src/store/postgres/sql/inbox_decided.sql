-- A request that can be decided anew: its Vorgang ($2) is decided and not delivered, and what came is still kept.
SELECT i.nr FROM inbox_id d JOIN inbox i ON i.nr = d.nr JOIN sealed s ON s.nr = i.nr JOIN vorgang v ON v.key = $2
WHERE d.id = $1 AND i.state = 'accepted' AND i.kept AND s.data_key IS NOT NULL AND v.state = 'entschieden'
