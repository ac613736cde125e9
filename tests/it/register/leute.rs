//! Invented people of real frequencies: names, days, places, entries of births. Same seed, same people.

use drehscheibe::register::gemeinden::{Gemeinden, falten};
use drehscheibe::register::record::{Kind, Mutter, Personenname, Registersatz, TeilDatum};
use jiff::civil::{Date, date};

/// A source of numbers, the same for the same seed (splitmix64).
pub struct Zufall(pub u64);

impl Zufall {
    pub fn zahl(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn unter(&mut self, most: u64) -> u64 {
        self.zahl() % most
    }

    /// In so many of a hundred cases.
    pub fn prozent(&mut self, percent: f64) -> bool {
        self.anteil() < percent / 100.0
    }

    pub fn anteil(&mut self) -> f64 {
        (self.zahl() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn aus<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.unter(of.len() as u64) as usize]
    }

    /// About a mean, as ages are.
    pub fn um(&mut self, mean: f64, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.anteil()).sum();
        mean + (sum - 6.0) * deviation
    }
}

/// Frequent names, the most frequent first; behind them stand as many rare ones as are wanted.
const FAMILIEN: &[&str] = &[
    "Müller",
    "Schmidt",
    "Schneider",
    "Fischer",
    "Weber",
    "Meyer",
    "Wagner",
    "Becker",
    "Schulz",
    "Hoffmann",
    "Schäfer",
    "Koch",
    "Bauer",
    "Richter",
    "Klein",
    "Wolf",
    "Schröder",
    "Neumann",
    "Schwarz",
    "Zimmermann",
    "Braun",
    "Krüger",
    "Hofmann",
    "Hartmann",
    "Lange",
    "Schmitt",
    "Werner",
    "Schmitz",
    "Krause",
    "Meier",
    "Lehmann",
    "Schmid",
    "Schulze",
    "Maier",
    "Köhler",
    "Herrmann",
    "König",
    "Walter",
    "Mayer",
    "Huber",
    "Kaiser",
    "Fuchs",
    "Peters",
    "Lang",
    "Scholz",
    "Möller",
    "Weiß",
    "Jung",
    "Hahn",
    "Schubert",
    "Vogel",
    "Friedrich",
    "Keller",
    "Günther",
    "Frank",
    "Berger",
    "Winkler",
    "Roth",
    "Beck",
    "Lorenz",
    "Baumann",
    "Franke",
    "Albrecht",
    "Schuster",
    "Simon",
    "Ludwig",
    "Böhm",
    "Winter",
    "Kraus",
    "Martin",
    "Schumacher",
    "Krämer",
    "Vogt",
    "Stein",
    "Jäger",
    "Otto",
    "Sommer",
    "Groß",
    "Seidel",
    "Heinrich",
    "Brandt",
    "Haas",
    "Schreiber",
    "Graf",
    "Dietrich",
    "Ziegler",
    "Kuhn",
    "Kühn",
    "Pohl",
    "Engel",
    "Horn",
    "Busch",
    "Bergmann",
    "Thomas",
    "Voigt",
    "Sauer",
    "Arnold",
    "Wolff",
    "Pfeiffer",
];
const FREMDE_FAMILIEN: &[&str] = &[
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Yılmaz",
    "Öztürk",
    "Şahin",
    "Çelik",
    "Kowalski",
    "Nowak",
    "Wójcik",
    "Popović",
    "Jovanović",
    "Đorđević",
    "Guðmundsdóttir",
    "Þórsson",
    "Əliyev",
    "Məmmədov",
    "Ŋámmet",
    "Dĳkstra",
    "Ivanov",
    "Petrov",
    "Ahmad",
    "Al-Hassan",
    "Mohammad",
    "Ibrahim",
    "Hussein",
    "Haddad",
    "Khalil",
    "Ali",
    "Noori",
    "Ahmadi",
    "Hosseini",
    "Rahimi",
    "Tesfaye",
    "Abdi",
    "Šimić",
    "Ångström",
    "Ørsted",
    "Łukasz",
    "Nuñez",
    "O’Neill",
];
const MAEDCHEN: &[&str] = &[
    "Emilia",
    "Sophia",
    "Emma",
    "Hannah",
    "Mia",
    "Mila",
    "Lina",
    "Ella",
    "Clara",
    "Lea",
    "Marie",
    "Leni",
    "Anna",
    "Lia",
    "Ida",
    "Mathilda",
    "Leonie",
    "Frieda",
    "Luisa",
    "Amelie",
    "Lotta",
    "Nora",
    "Lara",
    "Maja",
    "Greta",
    "Johanna",
    "Charlotte",
    "Paula",
    "Marlene",
    "Mira",
    "Zoë",
    "Juna",
    "Elisa",
    "Victoria",
    "Sarah",
    "Laura",
    "Lucy",
    "Romy",
    "Helena",
    "Antonia",
];
const JUNGEN: &[&str] = &[
    "Noah",
    "Matteo",
    "Elias",
    "Finn",
    "Luca",
    "Leon",
    "Theo",
    "Paul",
    "Emil",
    "Henry",
    "Ben",
    "Felix",
    "Liam",
    "Jonas",
    "Anton",
    "Louis",
    "Leo",
    "Jakob",
    "Oskar",
    "Maximilian",
    "Oscar",
    "Karl",
    "Moritz",
    "David",
    "Alexander",
    "Samuel",
    "Levi",
    "Milan",
    "Mats",
    "Jonathan",
    "Johann",
    "Max",
    "Milo",
    "Tim",
    "Tom",
    "Adam",
    "Levin",
    "Till",
    "Malik",
    "Jannik",
];
const MUETTER: &[&str] = &[
    "Julia",
    "Anna",
    "Sarah",
    "Katharina",
    "Laura",
    "Lisa",
    "Jennifer",
    "Jessica",
    "Nadine",
    "Christina",
    "Stefanie",
    "Melanie",
    "Sandra",
    "Nicole",
    "Janina",
    "Franziska",
    "Maria",
    "Vanessa",
    "Carolin",
    "Anne",
    "Kathrin",
    "Sabrina",
    "Nina",
    "Maike",
    "Svenja",
    "Johanna",
    "Theresa",
    "Lena",
    "Hannah",
    "Miriam",
    "Isabell",
    "Anja",
    "Daniela",
    "Jana",
    "Yvonne",
    "Mandy",
    "Katja",
    "Marina",
    "Natalie",
    "Eva",
    "Zoë",
    "Renée",
    "Fatma",
    "Ayşe",
    "Olga",
    "Elena",
    "Linh",
    "Thu",
    "Maryam",
    "Zahra",
    "Fatima",
];
const WEITERE: &[&str] = &[
    "Marie",
    "Sophie",
    "Alexander",
    "Maria",
    "Elisabeth",
    "Johanna",
    "Paul",
    "Maximilian",
    "Luise",
    "Anna",
    "Charlotte",
    "Emil",
    "Elias",
    "Katharina",
    "Michael",
    "Peter",
    "Thomas",
    "Karl",
    "Friedrich",
    "Helene",
    "Josef",
    "Noah",
    "Mathilda",
    "Lou",
    "Mohammad",
];
const SILBEN: &[&str] = &[
    "ba", "ber", "chel", "da", "der", "dör", "e", "fa", "fel", "gen", "gra", "hau", "hei", "hol", "in", "ja",
    "ka", "kel", "kow", "la", "lin", "lo", "man", "mei", "mo", "na", "ner", "o", "pe", "pfe", "ra", "rich",
    "ro", "sa", "schau", "sen", "ski", "stei", "ta", "tel", "ter", "u", "va", "wa", "wen", "za", "zin",
    "mül", "tsch", "bü",
];

/// The rank of a name in a list whose weights fall with the rank (1/(r+`flat`)), of so many names.
fn rang(z: &mut Zufall, flat: f64, names: f64) -> usize {
    ((flat * ((names + flat) / flat).powf(z.anteil())) - flat) as usize
}

/// A name by its rank: a frequent one, or one of the rare ones made of syllables.
fn name(list: &[&str], rank: usize, rare: u64) -> String {
    if let Some(known) = list.get(rank) {
        return (*known).to_owned();
    }
    let mut of = Zufall((rank as u64) << 8 | rare);
    let parts = 2 + of.unter(2);
    let text: String = (0..parts).map(|_| of.aus(SILBEN)).collect();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

pub fn familienname(z: &mut Zufall) -> String {
    if z.prozent(18.0) {
        let rank = rang(z, 8.0, 20_000.0);
        return name(FREMDE_FAMILIEN, rank, 2);
    }
    let rank = rang(z, 10.0, 80_000.0);
    name(FAMILIEN, rank, 1)
}

fn vorname(z: &mut Zufall, list: &[&str], second: f64) -> String {
    let rank = rang(z, 12.0, 3_000.0);
    let first = name(list, rank, 3);
    if !z.prozent(second) {
        return first;
    }
    let rank = rang(z, 3.0, 1_500.0);
    let join = if z.prozent(8.0) { "-" } else { " " };
    format!("{first}{join}{}", name(WEITERE, rank, 3))
}

pub fn kindername(z: &mut Zufall) -> String {
    let list = if z.prozent(50.0) { MAEDCHEN } else { JUNGEN };
    vorname(z, list, 45.0)
}

pub fn muttername(z: &mut Zufall) -> String {
    vorname(z, MUETTER, 35.0)
}

pub fn tag(day: Date) -> TeilDatum {
    TeilDatum { jahr: day.year(), monat: Some(day.month()), tag: Some(day.day()) }
}

pub fn person(familie: &str, geburtsname: Option<&str>, vornamen: &str) -> Personenname {
    Personenname {
        familienname: Some(familie.to_owned()),
        geburtsname: geburtsname.map(str::to_owned),
        vornamen: Some(vornamen.to_owned()).filter(|name| !name.is_empty()),
    }
}

/// A mother of a child born on a day; of a hundred two fled from a country that knows no days of birth, and have the first of January.
pub fn mutter(z: &mut Zufall, born: Date) -> Mutter {
    let age = z.um(31.5, 5.4).clamp(18.0, 46.0) * 365.25;
    let mut day = born.checked_sub(jiff::Span::new().days(age as i64)).unwrap();
    if z.prozent(2.0) {
        day = date(day.year(), 1, 1);
    }
    let familie = familienname(z);
    let birth = if z.prozent(30.0) { Some(familienname(z)) } else { None };
    Mutter {
        name: person(&familie, birth.as_deref(), &muttername(z)),
        geburtsdatum: tag(day),
        ..Mutter::default()
    }
}

/// A place with its births in a year, and the form in which its office writes the entry of a birth.
pub struct Platz {
    pub name: String,
    pub ars: String,
    pub geburten: f64,
    pub form: u64,
}

/// Places with so many births a year each; small ones carry numbers behind their names.
pub fn plaetze(grosse: &[(&str, &str, f64)], kleine: &[(&str, u64, f64)]) -> (Vec<Platz>, Gemeinden) {
    let mut all: Vec<Platz> = Vec::new();
    for (name, ars, geburten) in grosse {
        all.push(Platz { name: (*name).into(), ars: (*ars).into(), geburten: *geburten, form: 0 });
    }
    for (land, count, births) in kleine {
        // The first towns of a Land have more births than the last.
        let weights: Vec<f64> = (0..*count).map(|n| 1.0 / (n as f64 + 3.0)).collect();
        let sum: f64 = weights.iter().sum();
        for (n, weight) in weights.iter().enumerate() {
            all.push(Platz {
                name: format!("Stadt {land} {n}"),
                ars: format!("{land}{:03}0000000", n + 1),
                geburten: births * weight / sum,
                form: 0,
            });
        }
    }
    let mut z = Zufall(77);
    let mut orte = Gemeinden::default();
    for place in &mut all {
        orte.add(falten(&place.name), &place.ars);
        place.form = z.unter(20);
    }
    (all, orte)
}

/// The entry of a birth as an office writes it: half with number, year and Standesamt, a fifth without Standesamt, some year first, one
/// in twenty not at all.
pub fn eintrag(kind: &mut Kind, form: u64, number: u64, year: i16) {
    let amt = || Some(format!("Standesamt {}", kind.geburtsort.clone().unwrap_or_default()));
    let (text, amt) = match form {
        0..=9 => (Some(format!("{number}/{year}")), amt()),
        10..=13 => (Some(format!("{number}/{year}")), None),
        14..=16 => (Some(format!("{year}/{number}")), amt()),
        17 | 18 => (Some(format!("G {number:05}/{:02}", year % 100)), amt()),
        _ => (None, None),
    };
    kind.geburtsregister_nummer = text;
    kind.geburtsstandesamt = amt;
}

pub fn satz(kind: Kind, mutter: Mutter) -> Registersatz {
    Registersatz {
        mutter,
        kind,
        eintragung: Default::default(),
        quelle: drehscheibe::register::record::Quelle {
            message: "xfamilie.0804".into(),
            nachrichten_uuid: "7b2d4c10-1f3a-4e55-8b7a-000000000001".into(),
            autor: "jga:040110000000".into(),
            erstellungszeitpunkt: "2026-11-01T08:00:00Z".parse().unwrap(),
            empfangen: None,
            transaktionsid: None,
            spaetestens: None,
        },
        vermerk: Default::default(),
    }
}
