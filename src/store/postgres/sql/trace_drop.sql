DELETE FROM vorgang_spur WHERE key = $1 AND vorgang = $2
