//! What a letter costs: a Negativauskunft and an Eingangsnachricht as PDF/A-3 and PDF/UA-1, laid out, fonts cut down to what it shows.
//! One thread; nothing is sealed or sent.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]
#![allow(missing_docs, reason = "the macros of the harness write the only public items")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drehscheibe::paper::facts::{Fakten, Kind, Mensch};
use drehscheibe::paper::letter::{Inhalt, schreiben};
use drehscheibe::paper::texts::Texte;
use drehscheibe::register::aemter::{Aemter, Amt};
use drehscheibe::register::record::TeilDatum;
use drehscheibe::route::fault::Collector;
use drehscheibe::route::{letters, load};

const AMT: &str = "jugendamt-bremen";

/// The shipped texts with the heads of the demonstration.
fn texte() -> Texte {
    let files = load::load(Path::new("routes"), Path::new("deploy/stages/demo")).unwrap();
    let amt = |id: &str| Amt { id: id.to_owned(), name: id.to_owned(), ..Amt::default() };
    let aemter = Aemter { aemter: vec![amt(AMT), amt("jugendamt-hamburg")] };
    letters::read(&Collector::default(), &files.letters, &aemter, false)
}

fn fakten() -> Fakten {
    let mensch = |vornamen: &str, familienname: &str, geboren: &str| Mensch {
        vornamen: Some(vornamen.to_owned()),
        familienname: Some(familienname.to_owned()),
        geburtsdatum: TeilDatum::parse(geboren).unwrap(),
    };
    let kind = Kind {
        mensch: mensch("L\u{ed}a Marie", "M\u{fc}ller", "2024-08-05"),
        geburtsort: "Bremen".to_owned(),
    };
    Fakten {
        referenz: "01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10".to_owned(),
        aussteller: "Amt f\u{fc}r Soziale Dienste Bremen".to_owned(),
        datum: "2026-11-30".parse().unwrap(),
        stand: "2026-11-30".parse().unwrap(),
        mutter: mensch("Zo\u{eb} Marie", "\u{106}irkovi\u{107}-M\u{fc}ller", "1994-03-12"),
        kinder: vec![kind],
    }
}

fn letter(criterion: &mut Criterion) {
    let (texte, fakten) = (texte(), fakten());
    let auskunft = Inhalt::Auskunft { amt: AMT, fakten: &fakten };
    let eingang = Inhalt::Eingangsnachricht { referenz: &fakten.referenz, datum: fakten.datum };
    let mut group = criterion.benchmark_group("letter");
    group.throughput(Throughput::Elements(1));
    for (name, inhalt) in [("auskunft", auskunft), ("eingangsnachricht", eingang)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| schreiben(black_box(&texte), &inhalt, None).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, letter);
criterion_main!(benches);
