SELECT i.id, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note,
  i.state, i.message, i.route, i.codes, s.partner, s.mandant
FROM inbox i JOIN stamp s ON s.nr = i.stamp JOIN sealed c ON c.nr = i.nr
