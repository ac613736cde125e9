SELECT i.id, i.state, i.message, i.route, i.codes, s.partner, s.mandant, i.sealed FROM inbox i JOIN stamp s ON s.row = i.stamp
