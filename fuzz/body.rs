//! What the fuzz targets do with octets, for the targets and for the test that replays their corpus. It never judges more
//! than that nothing ends, and that two ways to a verdict agree.

use bytes::Bytes;
use drehscheibe::schema::load::Library;
use drehscheibe::schema::tables::Schema;
use drehscheibe::schema::watch::Validation;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;

/// One schema document; everything else is missing.
struct One<'o>(&'o [u8]);

impl Library for One<'_> {
    fn find(&self, from: &str, location: &str, _: &str) -> Result<String, String> {
        if from.is_empty() || location == "self.xsd" {
            Ok("self.xsd".to_owned())
        } else {
            Err("is missing".to_owned())
        }
    }

    fn octets(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.to_vec())
    }
}

/// A schema, and behind a zero octet a document for it.
pub fn schema(octets: &[u8]) {
    let (schema, document) = match octets.iter().position(|octet| *octet == 0) {
        Some(end) => (&octets[..end], &octets[end + 1..]),
        None => (octets, &b"<a/>"[..]),
    };
    match Schema::compile(&["self.xsd"], &One(schema)) {
        Ok(schema) => judge(&schema, document),
        Err(fault) => assert!(!fault.text.is_empty()),
    }
}

/// A schema that uses every construct, for documents.
const ALL: &[u8] = include_bytes!("all.xsd");

/// A document for [`ALL`].
pub fn instance(octets: &[u8]) {
    thread_local! {
        static SCHEMA: Schema = Schema::compile(&["self.xsd"], &One(ALL)).unwrap_or_else(|fault| panic!("{fault}"));
    }
    SCHEMA.with(|schema| judge(schema, octets));
}

/// In the gate's pass and afterwards: the verdict is the same, and a fault has a place in the document.
fn judge(schema: &Schema, octets: &[u8]) {
    let (document, breaches) = gate::pass_with(Bytes::copy_from_slice(octets), &Limits::default(), |look| {
        let mut validation = Validation::new(schema, 20, ());
        (look.at(&mut validation), validation.finish().0)
    });
    let Ok(document) = document else { return };
    assert_eq!(schema.validate(&document, 20), breaches);
    for breach in &breaches {
        assert!(breach.offset < document.bytes().len() && !breach.text.is_empty());
    }
}
