-- Two processes may meet a new Mandant at once: the first one's key stays.
INSERT INTO mandant_key (id, mandant, wrapped) VALUES ($1, $2, $3) ON CONFLICT (mandant) DO NOTHING
