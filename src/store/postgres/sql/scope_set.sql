-- What the transaction may see from now on (row-level security): kind, Mandant, partner.
SELECT set_config('drehscheibe.sicht', $1, true), set_config('drehscheibe.mandant', $2, true),
  set_config('drehscheibe.partner', $3, true)
