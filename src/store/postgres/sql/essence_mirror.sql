SELECT m.id, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note FROM mirror m JOIN sealed c ON c.nr = m.nr
