//! What making search keys anew does alike in every back end: the HMACs of a record's keys of this version.
//! Never touches the database.

use uuid::Uuid;

use crate::register::keys::{of, satz};
use crate::register::record::Registersatz;
use crate::seal::index::Tag;
use crate::store::sealing::keys::Keys;

/// All keys of a record in this version, as its delivery would write them.
pub fn tags(keys: &Keys, id: Uuid, registersatz: &Registersatz) -> Vec<Tag> {
    let all = of(registersatz).into_iter().chain([satz(id)]);
    all.map(|key| keys.search.tag(&key.octets())).collect()
}

#[cfg(test)]
mod tests {
    use crate::register::keys::VERSION;

    #[test]
    fn the_statements_note_and_seek_the_version_of_the_keys() {
        for (name, text) in [
            ("sqlite add", include_str!("../sqlite/sql/mirror_add.sql")),
            ("sqlite change", include_str!("../sqlite/sql/mirror_change.sql")),
            ("sqlite done", include_str!("../sqlite/sql/rekey_done.sql")),
            ("postgres add", include_str!("../postgres/sql/mirror_add.sql")),
            ("postgres change", include_str!("../postgres/sql/mirror_change.sql")),
            ("postgres done", include_str!("../postgres/sql/rekey_done.sql")),
        ] {
            let written = [
                format!(", {VERSION})"),
                format!(", {VERSION}\n"),
                format!("schluessel_version = {VERSION}"),
            ];
            assert!(written.iter().any(|one| text.contains(one)), "{name}");
        }
        for (name, text) in [
            ("sqlite page", include_str!("../sqlite/sql/rekey_page.sql")),
            ("sqlite left", include_str!("../sqlite/sql/rekey_left.sql")),
            ("postgres page", include_str!("../postgres/sql/rekey_page.sql")),
            ("postgres left", include_str!("../postgres/sql/rekey_left.sql")),
        ] {
            let sought = text.matches(&format!("schluessel_version, 0) < {VERSION}")).count();
            assert!(sought > 0 && sought == text.matches("schluessel_von IS").count(), "{name}");
        }
    }
}
