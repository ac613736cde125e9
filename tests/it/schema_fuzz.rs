//! The corpus of the fuzz targets (`fuzz/`) as a plain test, each case as it is and with seeded changes of its octets.

use std::fs;
use std::path::Path;

use crate::schema_support::Chance;

#[path = "../../fuzz/body.rs"]
mod body;

fn replay(name: &str, with: fn(&[u8]), rounds: usize) {
    let mut files: Vec<_> = fs::read_dir(Path::new("fuzz/corpus").join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 6, "{name}");
    let all: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    all.iter().for_each(|octets| with(octets));
    let mut chance = Chance::new(name.len() as u64);
    for _ in 0..rounds {
        let mut octets = all[chance.below(all.len())].clone();
        for _ in 0..=chance.below(4) {
            if octets.is_empty() {
                break;
            }
            let at = chance.below(octets.len());
            match chance.below(5) {
                0 => octets[at] = chance.below(256) as u8,
                1 => drop(octets.remove(at)),
                2 => octets.insert(at, b"<>\"'&;/ \0"[chance.below(9)]),
                3 => {
                    let end = at + chance.below(octets.len() - at);
                    let piece = octets[at..end].to_vec();
                    let to = chance.below(octets.len());
                    octets.splice(to..to, piece);
                }
                _ => {
                    let end = at + chance.below((octets.len() - at).min(40));
                    octets.drain(at..end);
                }
            }
        }
        with(&octets);
    }
}

#[test]
fn the_corpus_of_schemas_ends_nothing() {
    replay("schema", body::schema, 1_500);
}

#[test]
fn the_corpus_of_documents_has_one_verdict() {
    replay("instance", body::instance, 6_000);
}

#[test]
fn the_good_document_of_the_corpus_is_valid_and_the_bad_one_is_not() {
    use drehscheibe::schema::tables::Schema;

    use crate::schema_support::{Texts, breaches};

    let text = fs::read_to_string("fuzz/all.xsd").unwrap();
    let schema = Schema::compile(&["all.xsd"], &Texts(&[("all.xsd", &text)])).unwrap();
    let of = |name: &str| breaches(&schema, &fs::read(format!("fuzz/corpus/instance/{name}.xml")).unwrap());
    assert_eq!(of("all-good"), []);
    assert!(of("all-bad").len() >= 8, "{:?}", of("all-bad"));
}
