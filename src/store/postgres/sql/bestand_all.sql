-- Every Bestand with its content; there is one for each office.
SELECT b.key, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note FROM bestand b JOIN sealed c ON c.nr = b.nr
