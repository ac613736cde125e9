-- What is not named any more of a connection's places and partners.
DELETE FROM backlog b WHERE split_part(b.connection, ' ', 1) = $1
  AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS n(place, partner) WHERE n.place = b.connection AND n.partner = b.partner)
