//! What the tests of the register share: one invented child with its mother and its record.
//! Only compiled for tests.

use crate::register::record::{
    Anschrift, Eintragung, Kind, Mutter, Personenname, Quelle, Registersatz, TeilDatum,
};

/// Zoë Marie Ćirković-Müller, born Müller.
pub fn mutter() -> Mutter {
    Mutter {
        name: Personenname {
            familienname: Some("Ćirković-Müller".into()),
            geburtsname: Some("Müller".into()),
            vornamen: Some("Zoë Marie".into()),
        },
        geburtsort: Some("Bremen".into()),
        geburtsdatum: TeilDatum { jahr: 1994, monat: Some(3), tag: Some(12) },
        anschriften: vec![Anschrift { gemeindeschluessel: Some("02000000".into()), ..Anschrift::default() }],
        ..Mutter::default()
    }
}

/// Her child Lía Marie Müller.
pub fn kind() -> Kind {
    Kind {
        namen: vec![Personenname {
            familienname: Some("Müller".into()),
            geburtsname: None,
            vornamen: Some("Lía Marie".into()),
        }],
        geburtsort: Some("Bremen".into()),
        geburtsdatum: Some(TeilDatum { jahr: 2024, monat: Some(8), tag: Some(5) }),
        geburtsregister_nummer: Some("1234/2024".into()),
        register_ars: Some("040110000000".into()),
        ..Kind::default()
    }
}

/// A record without an entry.
pub fn satz(kind: Kind, mutter: Mutter) -> Registersatz {
    Registersatz {
        mutter,
        kind,
        eintragung: Eintragung::default(),
        quelle: Quelle {
            message: "xfamilie.0804".into(),
            nachrichten_uuid: "7b2d4c10-1f3a-4e55-8b7a-000000000001".into(),
            autor: "jga:040110000000".into(),
            empfangen: None,
            erstellungszeitpunkt: jiff::Timestamp::UNIX_EPOCH,
            transaktionsid: None,
            spaetestens: None,
        },
        vermerk: Default::default(),
    }
}
