//! How many clean requests for a known child become a Klärfall, because another child is near it by chance (rules.md 2.3): over a
//! million invented children with frequent names, refugees' 1 January and real birth density. Prints the figures; `benches/README.md`
//! has the method.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use drehscheibe::register::entscheidung::Treffer;
use drehscheibe::register::gemeinden::Gemeinden;
use drehscheibe::register::keys::{self, SearchKey};
use drehscheibe::register::record::{Kind, Mutter, Registersatz};
use drehscheibe::register::suche::{sichten, vorgeburt_beruehrt};
use jiff::civil::date;
use uuid::Uuid;

use super::leute::{self, Platz, Zufall, person, plaetze, satz, tag};

/// Of so many births one is of twins.
const ZWILLINGE: f64 = 1.8;
/// Records from before a birth: of so many of a hundred births, standing for so many days.
const VORGEBURTLICH: (f64, u64) = (15.0, 110);
/// Open notices: of so many of a hundred births of the last so many days.
const HINWEISE: (f64, u64) = (3.0, 14);

fn hashed(key: &SearchKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The children of a region, in the order of their births.
fn kinder(z: &mut Zufall, places: &[Platz], count: usize) -> (Vec<(Kind, Mutter)>, f64) {
    let daily: f64 = places.iter().map(|place| place.geburten).sum::<f64>() / 365.25;
    let mut sums = Vec::with_capacity(places.len());
    let mut sum = 0.0;
    for place in places {
        sum += place.geburten;
        sums.push(sum);
    }
    let days = count as f64 / daily;
    let first = date(2026, 10, 31).checked_sub(jiff::Span::new().days(days as i64)).unwrap();
    let mut numbers: HashMap<(usize, i16), u64> = HashMap::new();
    let mut all = Vec::with_capacity(count + 1);
    while all.len() < count {
        let born = first.checked_add(jiff::Span::new().days((all.len() as f64 / daily) as i64)).unwrap();
        let at = z.anteil() * sum;
        let place = sums.partition_point(|sum| *sum < at).min(places.len() - 1);
        let mother = leute::mutter(z, born);
        let family = match z.prozent(80.0) {
            true => mother.name.familienname.clone().unwrap(),
            false => leute::familienname(z),
        };
        let births = if z.prozent(ZWILLINGE) { 2 } else { 1 };
        for _ in 0..births {
            let mut kind = Kind {
                namen: vec![person(&family, None, &leute::kindername(z))],
                geburtsort: Some(places[place].name.clone()),
                geburtsdatum: Some(tag(born)),
                register_ars: Some(places[place].ars.clone()),
                ..Kind::default()
            };
            let number = numbers.entry((place, born.year())).or_default();
            *number += 1;
            leute::eintrag(&mut kind, places[place].form, *number, born.year());
            all.push((kind, mother.clone()));
        }
    }
    (all, daily)
}

/// Shares in a hundred of clean requests.
#[derive(Debug, Default)]
struct Anteile {
    aehnlich: f64,
    vorgeburtlich: f64,
    hinweis: f64,
    beide: f64,
}

fn messen(seed: u64, (places, orte): &(Vec<Platz>, Gemeinden), count: usize, requests: usize) -> Anteile {
    let mut z = Zufall(seed);
    let (all, daily) = kinder(&mut z, places, count);
    let mut under: HashMap<u64, Vec<u32>> = HashMap::with_capacity(count * 3);
    let wanted = ["tage", "name-mutter", "name-kind", "teil-mutter", "ohne-tag"];
    for (nth, (kind, mutter)) in all.iter().enumerate() {
        let record = satz(kind.clone(), mutter.clone());
        for key in keys::of(&record).iter().filter(|key| wanted.contains(&key.class())) {
            under.entry(hashed(key)).or_default().push(nth as u32);
        }
    }
    // Children to come, of whom something stands already.
    let mut before: Vec<Registersatz> = Vec::new();
    let standing = (daily * VORGEBURTLICH.1 as f64 * VORGEBURTLICH.0 / 100.0) as usize;
    let mut unborn: HashMap<u64, Vec<u32>> = HashMap::new();
    for nth in 0..standing {
        let due =
            date(2026, 11, 1).checked_add(jiff::Span::new().days(z.unter(VORGEBURTLICH.1) as i64)).unwrap();
        let expected = drehscheibe::register::record::TeilDatum { tag: None, ..tag(due) };
        let record = satz(Kind { erwartet: Some(expected), ..Kind::default() }, leute::mutter(&mut z, due));
        for key in keys::of(&record) {
            unborn.entry(hashed(&key)).or_default().push(nth as u32);
        }
        before.push(record);
    }
    // Children of the last days of whom a notice is open.
    let mut open: HashMap<u64, Vec<u32>> = HashMap::new();
    let last = all.len().saturating_sub((daily * HINWEISE.1 as f64) as usize);
    #[expect(clippy::needless_range_loop, reason = "the place is what is remembered of a child")]
    for nth in last..all.len() {
        if z.prozent(HINWEISE.0) {
            let (kind, mutter) = &all[nth];
            for key in keys::offen(orte, Some(kind), mutter) {
                open.entry(hashed(&key)).or_default().push(nth as u32);
            }
        }
    }
    let mut counts = [0usize; 4];
    for _ in 0..requests {
        let nth = z.unter(all.len() as u64) as usize;
        let (kind, mutter) = &all[nth];
        let keys::Gesucht { saetze: asked, offen, .. } = keys::Gesucht::of(orte, kind, mutter);
        let mut found: Vec<u32> =
            asked.iter().filter_map(|key| under.get(&hashed(key))).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        let records = found.iter().map(|nth| {
            let (kind, mutter) = all[*nth as usize].clone();
            (Uuid::from_u128(u128::from(*nth)), String::new(), satz(kind, mutter))
        });
        let levels = sichten(orte, kind, mutter, records);
        let clear = matches!(levels.as_slice(), [one] if one.treffer == Treffer::Genau);
        let touched = asked
            .iter()
            .filter_map(|key| unborn.get(&hashed(key)))
            .flatten()
            .any(|nth| vorgeburt_beruehrt(kind, mutter, &before[*nth as usize]));
        let noticed = offen
            .iter()
            .filter_map(|key| open.get(&hashed(key)))
            .flatten()
            .any(|other| *other as usize != nth);
        counts[0] += usize::from(!clear);
        counts[1] += usize::from(touched);
        counts[2] += usize::from(noticed);
        counts[3] += usize::from(!clear || touched || noticed);
    }
    let share = |n: usize| n as f64 * 100.0 / requests as f64;
    Anteile {
        aehnlich: share(counts[0]),
        vorgeburtlich: share(counts[1]),
        hinweis: share(counts[2]),
        beide: share(counts[3]),
    }
}

/// The north: births a year by place of birth.
fn norden() -> (Vec<Platz>, Gemeinden) {
    plaetze(
        &[
            ("Hamburg", "020000000000", 25_000.0),
            ("Bremen", "040110000000", 8_900.0),
            ("Bremerhaven", "040120000000", 1_500.0),
            ("Kiel", "010020000000", 3_600.0),
            ("Lübeck", "010030000000", 2_600.0),
            ("Magdeburg", "150030000000", 2_900.0),
            ("Halle (Saale)", "150020000000", 2_900.0),
        ],
        &[("01", 16, 14_000.0), ("15", 18, 8_500.0), ("13", 14, 10_500.0)],
    )
}

/// All of Germany.
fn deutschland() -> (Vec<Platz>, Gemeinden) {
    plaetze(
        &[
            ("Berlin", "110000000000", 37_000.0),
            ("Hamburg", "020000000000", 25_000.0),
            ("München", "091620000000", 22_000.0),
            ("Köln", "053150000000", 14_000.0),
            ("Frankfurt am Main", "064120000000", 11_000.0),
            ("Stuttgart", "081110000000", 9_500.0),
            ("Bremen", "040110000000", 8_900.0),
            ("Leipzig", "147130000000", 8_000.0),
            ("Nürnberg", "095640000000", 7_800.0),
            ("Hannover", "032410001001", 9_500.0),
        ],
        &[
            ("01", 20, 20_000.0),
            ("03", 65, 53_000.0),
            ("05", 130, 145_000.0),
            ("06", 45, 42_000.0),
            ("07", 32, 34_000.0),
            ("08", 75, 90_000.0),
            ("09", 100, 92_000.0),
            ("12", 24, 13_000.0),
            ("13", 14, 10_500.0),
            ("14", 36, 21_000.0),
            ("15", 20, 14_500.0),
            ("16", 22, 13_500.0),
        ],
    )
}

#[test]
fn few_clean_requests_meet_another_child_by_chance() {
    let long = std::env::var("DREHSCHEIBE_LONG").is_ok_and(|value| value == "1");
    let (count, requests) = if long { (1_000_000, 200_000) } else { (20_000, 2_000) };
    for (what, region, bound) in [("the north", norden(), 1.0), ("all of Germany", deutschland(), f64::MAX)] {
        let shares = messen(14, &region, count, requests);
        println!("{what}, {count} children, {requests} requests, in a hundred: {shares:?}");
        let each = shares.aehnlich + shares.vorgeburtlich + shares.hinweis;
        assert!(shares.beide <= each + 1e-9, "{what}: together at most what each is: {shares:?}");
        // A short run knows only the last days, of which most is open.
        assert!(shares.aehnlich <= bound && (!long || shares.beide <= bound), "{what}: {shares:?}");
    }
}
