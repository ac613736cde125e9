//! The decision table as data: read from a file that a lawyer can read, checked when it is loaded, asked by `decide`.
//! No rule of it stands in the code, except the least strictness that no table may go below (`schranke.rs`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::register::entscheidung::{Ergebnis, Fall};
use crate::register::merkmale::{MERKMALE, Sachverhalt, merkmal};
use crate::register::schranke::{Kasten, abziehen, lockerer};

/// The table that holds where a stage brings none of its own.
pub const EINGEBAUT: &str = include_str!("../../routes/tables/auskunft.yaml");

static VORGABE: LazyLock<Tabelle> = LazyLock::new(|| lesen(EINGEBAUT).unwrap_or_else(|_| Tabelle::leer()));

/// A fault of a table and its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fehler {
    /// 1-based line; 0 where the whole file is meant.
    pub line: u32,
    /// 1-based column; 0 where the whole file is meant.
    pub column: u32,
    /// What is wrong, then what is allowed.
    pub text: String,
}

/// A row: the situations it takes, and what becomes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Zeile {
    /// Its letter.
    pub fall: Fall,
    /// What becomes of the request.
    pub ergebnis: Ergebnis,
    /// The law behind it.
    pub recht: String,
    /// The situations; one that holds is enough.
    wenn: Vec<Kasten>,
}

/// What a Jugendamt wants stricter for its mothers and its register: these cases become Klärfälle.
#[derive(Clone, Debug, PartialEq)]
pub struct Verschaerfung {
    /// The Jugendamt (partner).
    pub jugendamt: String,
    /// The cases.
    pub faelle: Vec<Fall>,
    /// Since when.
    pub datum: Date,
    /// Who released it.
    pub freigegeben_von: String,
    /// Why.
    pub grund: String,
}

/// A decision table that is total and not looser than the built-in minimum.
#[derive(Clone, Debug, PartialEq)]
pub struct Tabelle {
    /// Its name, such as `auskunft`.
    pub tafel: String,
    /// Its version.
    pub fassung: String,
    /// The day of its release.
    pub datum: Date,
    /// Who released it.
    pub freigegeben_von: String,
    zeilen: Vec<Zeile>,
    verschaerfungen: Vec<Verschaerfung>,
}

impl Default for Tabelle {
    fn default() -> Self {
        VORGABE.clone()
    }
}

impl Tabelle {
    /// A table without rows: everything is a Klärfall.
    fn leer() -> Tabelle {
        Tabelle {
            tafel: "auskunft".to_owned(),
            fassung: "0".to_owned(),
            datum: Date::ZERO,
            freigegeben_von: String::new(),
            zeilen: Vec::new(),
            verschaerfungen: Vec::new(),
        }
    }

    /// What answers are stamped with: name, version and day.
    pub fn stempel(&self) -> String {
        format!("{} {} {}", self.tafel, self.fassung, self.datum)
    }

    /// The rows, in their order.
    pub fn zeilen(&self) -> &[Zeile] {
        &self.zeilen
    }

    /// The first row that holds, tightened by the offices that are concerned.
    pub fn entscheiden(
        &self,
        sachverhalt: &Sachverhalt,
        aemter: &[Option<&str>],
        heute: Date,
    ) -> (Fall, Ergebnis) {
        let holds = |zeile: &&Zeile| zeile.wenn.iter().any(|kasten| kasten.enthaelt(sachverhalt));
        let Some(zeile) = self.zeilen.iter().find(holds) else {
            // A table that was loaded is total; one that is missing answers nothing.
            return (Fall::I, Ergebnis::Klaerfall);
        };
        let stricter = self.verschaerfungen.iter().any(|verschaerfung| {
            verschaerfung.datum <= heute
                && verschaerfung.faelle.contains(&zeile.fall)
                && aemter.contains(&Some(verschaerfung.jugendamt.as_str()))
        });
        match zeile.ergebnis {
            Ergebnis::Negativ | Ergebnis::Eintragung if stricter => (zeile.fall, Ergebnis::Klaerfall),
            ergebnis => (zeile.fall, ergebnis),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Datei {
    tafel: Spanned<String>,
    fassung: Spanned<String>,
    datum: Spanned<String>,
    freigegeben_von: Spanned<String>,
    merkmale: Spanned<BTreeMap<String, Spanned<Geschrieben>>>,
    zeilen: Vec<GeschriebeneZeile>,
    #[serde(default)]
    verschaerfungen: Vec<GeschriebeneVerschaerfung>,
}

/// A fact as the file explains it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Geschrieben {
    heisst: String,
    werte: Vec<String>,
}

type Punkt = Spanned<BTreeMap<String, Spanned<Vec<String>>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GeschriebeneZeile {
    fall: Spanned<Fall>,
    wenn: Vec<Punkt>,
    ergebnis: Spanned<Ergebnis>,
    recht: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct GeschriebeneVerschaerfung {
    jugendamt: Spanned<String>,
    faelle: Vec<Spanned<Fall>>,
    datum: Spanned<String>,
    freigegeben_von: Spanned<String>,
    grund: Spanned<String>,
}

/// Reads and checks a table; all faults at once.
pub fn lesen(yaml: &str) -> Result<Tabelle, Vec<Fehler>> {
    let datei: Datei = serde_saphyr::from_str(yaml).map_err(|error| {
        let (line, column) = error.location().map(place).unwrap_or_default();
        vec![Fehler { line, column, text: error.without_snippet().to_string() }]
    })?;
    let mut pruefung = Pruefung { fehler: Vec::new() };
    pruefung.kopf(&datei);
    pruefung.erklaerungen(&datei.merkmale);
    let zeilen = pruefung.zeilen(&datei.zeilen);
    let verschaerfungen = pruefung.verschaerfungen(datei.verschaerfungen);
    let datum = pruefung.datum(&datei.datum);
    match (pruefung.fehler.is_empty(), datum) {
        (true, Some(datum)) => Ok(Tabelle {
            tafel: datei.tafel.value,
            fassung: datei.fassung.value,
            datum,
            freigegeben_von: datei.freigegeben_von.value,
            zeilen,
            verschaerfungen,
        }),
        _ => Err(pruefung.fehler),
    }
}

fn place(location: Location) -> (u32, u32) {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    (small(location.line()), small(location.column()))
}

struct Pruefung {
    fehler: Vec<Fehler>,
}

impl Pruefung {
    fn fault(&mut self, at: Location, text: impl Into<String>) {
        let (line, column) = place(at);
        self.fehler.push(Fehler { line, column, text: text.into() });
    }

    fn kopf(&mut self, datei: &Datei) {
        if datei.tafel.value != "auskunft" {
            self.fault(datei.tafel.referenced, "unknown table; allowed: auskunft");
        }
        for (text, what) in [(&datei.fassung, "fassung"), (&datei.freigegeben_von, "freigegeben-von")] {
            self.given(text, what);
        }
    }

    fn given(&mut self, text: &Spanned<String>, what: &str) {
        if text.value.trim().is_empty() {
            self.fault(text.referenced, format!("`{what}` is empty; a table says who answers for it"));
        }
    }

    fn datum(&mut self, text: &Spanned<String>) -> Option<Date> {
        let datum = text.value.parse::<Date>().ok();
        if datum.is_none() {
            self.fault(text.referenced, "`datum` is no day; write it as 2026-11-30");
        }
        datum
    }

    /// What the file explains must be what the program means.
    fn erklaerungen(&mut self, merkmale: &Spanned<BTreeMap<String, Spanned<Geschrieben>>>) {
        for (name, written) in &merkmale.value {
            let Some((_, werte)) = merkmal(name) else {
                self.fault(written.referenced, unknown("fact", name, names()));
                continue;
            };
            if written.value.heisst.trim().is_empty() {
                self.fault(written.referenced, format!("`{name}` is not explained; write what it means"));
            }
            for wert in written.value.werte.iter().filter(|wert| !werte.contains(&wert.as_str())) {
                self.fault(written.referenced, unknown("value", wert, werte.iter().copied()));
            }
            for wert in werte.iter().filter(|wert| !written.value.werte.iter().any(|known| known == *wert)) {
                self.fault(written.referenced, format!("`{name}` can also be `{wert}`; explain it too"));
            }
        }
        for name in names().filter(|name| !merkmale.value.contains_key(*name)) {
            self.fault(merkmale.referenced, format!("the fact `{name}` is not explained; add it"));
        }
    }

    fn zeilen(&mut self, zeilen: &[GeschriebeneZeile]) -> Vec<Zeile> {
        let mut rest = Some(vec![Kasten::alles()]);
        let mut read = Vec::with_capacity(zeilen.len());
        for zeile in zeilen {
            self.given(&zeile.recht, "recht");
            let wenn: Vec<Kasten> = zeile.wenn.iter().filter_map(|punkt| self.punkt(punkt)).collect();
            if wenn.len() == zeile.wenn.len() {
                rest = rest.and_then(|rest| self.nehmen(zeile, &wenn, rest));
            } else {
                // A row that cannot be read takes something unknown: what is left is not judged.
                rest = None;
            }
            read.push(Zeile {
                fall: zeile.fall.value,
                ergebnis: zeile.ergebnis.value,
                recht: zeile.recht.value.clone(),
                wenn,
            });
        }
        if let Some(open) = rest.as_ref().and_then(|rest| rest.first()) {
            let text = format!("no row takes this: {}; end with a row that does", open.beispiel());
            let at = zeilen.last().map(|last| last.fall.referenced);
            match at {
                Some(at) => self.fault(at, text),
                None => self.fehler.push(Fehler { line: 0, column: 0, text }),
            }
        }
        read
    }

    /// Takes the situations of a row from the rest, and judges those it really gets.
    fn nehmen(
        &mut self,
        zeile: &GeschriebeneZeile,
        wenn: &[Kasten],
        rest: Vec<Kasten>,
    ) -> Option<Vec<Kasten>> {
        let mut rest = rest;
        let mut takes_any = wenn.is_empty();
        let mut told = false;
        for (kasten, punkt) in wenn.iter().zip(&zeile.wenn) {
            let taken: Vec<Kasten> = rest.iter().filter_map(|part| part.schnitt(kasten)).collect();
            takes_any |= !taken.is_empty();
            let looser = taken.iter().find_map(|part| lockerer(zeile.fall.value, zeile.ergebnis.value, part));
            if let Some(text) = looser.filter(|_| !told) {
                self.fault(zeile.ergebnis.referenced, text);
                told = true;
            }
            match abziehen(rest, kasten) {
                Some(left) => rest = left,
                None => {
                    self.fault(
                        punkt.referenced,
                        "the table is too entangled to be checked; write fewer facts per row",
                    );
                    return None;
                }
            }
        }
        if wenn.is_empty() {
            self.fault(zeile.fall.referenced, "the row has no condition; write what must hold under `wenn`");
        }
        if !takes_any {
            self.fault(
                zeile.fall.referenced,
                "the rows above take everything this one could; remove or move it",
            );
        }
        Some(rest)
    }

    fn punkt(&mut self, punkt: &Punkt) -> Option<Kasten> {
        let mut kasten = Kasten::alles();
        let mut good = true;
        if punkt.value.is_empty() {
            self.fault(punkt.referenced, "no fact is named; write one with its values");
            good = false;
        }
        for (name, written) in &punkt.value {
            let Some((at, werte)) = merkmal(name) else {
                self.fault(written.referenced, unknown("fact", name, names()));
                good = false;
                continue;
            };
            if written.value.is_empty() {
                self.fault(written.referenced, format!("`{name}` has no value; name at least one"));
                good = false;
            }
            for wert in written.value.iter().filter(|wert| !werte.contains(&wert.as_str())) {
                self.fault(written.referenced, unknown("value", wert, werte.iter().copied()));
                good = false;
            }
            let wanted: Vec<&str> = written.value.iter().map(String::as_str).collect();
            if let Some((merkmal, _, _)) = MERKMALE.get(at) {
                kasten = kasten.mit(*merkmal, &wanted);
            }
        }
        good.then_some(kasten)
    }

    fn verschaerfungen(&mut self, written: Vec<GeschriebeneVerschaerfung>) -> Vec<Verschaerfung> {
        let mut read = Vec::with_capacity(written.len());
        for one in written {
            for (text, what) in [
                (&one.jugendamt, "jugendamt"),
                (&one.freigegeben_von, "freigegeben-von"),
                (&one.grund, "grund"),
            ] {
                self.given(text, what);
            }
            for fall in one.faelle.iter().filter(|fall| !matches!(fall.value, Fall::A | Fall::B)) {
                self.fault(
                    fall.referenced,
                    "only A and B are automatic and can be made stricter; allowed: A, B",
                );
            }
            if let Some(datum) = self.datum(&one.datum) {
                read.push(Verschaerfung {
                    jugendamt: one.jugendamt.value,
                    faelle: one.faelle.iter().map(|fall| fall.value).collect(),
                    datum,
                    freigegeben_von: one.freigegeben_von.value,
                    grund: one.grund.value,
                });
            }
        }
        read
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    MERKMALE.iter().map(|(_, name, _)| *name)
}

fn unknown<'a>(what: &str, word: &str, allowed: impl Iterator<Item = &'a str>) -> String {
    let allowed: Vec<&str> = allowed.collect();
    let near = allowed.iter().min_by_key(|known| strsim::osa_distance(word, known)).copied();
    let near = near.filter(|near| strsim::osa_distance(word, near) <= 3);
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("unknown {what} `{word}`; allowed: {}{hint}", allowed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::merkmale::Merkmal;

    fn faults(from: &str, to: &str) -> Vec<Fehler> {
        assert!(EINGEBAUT.contains(from), "{from}");
        match lesen(&EINGEBAUT.replacen(from, to, 1)) {
            Ok(_) => panic!("accepted: {to}"),
            Err(faults) => faults,
        }
    }

    #[test]
    fn the_built_in_table_is_total_and_strict() {
        let table = lesen(EINGEBAUT).unwrap();
        assert_eq!(table, Tabelle::default());
        assert_eq!(table.stempel(), "auskunft 1 2026-11-22");
        let letters: String = table.zeilen().iter().map(|zeile| format!("{:?}", zeile.fall)).collect();
        assert_eq!(letters, "KVLGNOMJQFIHCEBA");
        assert!(table.zeilen().iter().all(|zeile| zeile.recht.contains('§')));
        assert_eq!(
            Tabelle::leer().entscheiden(&Sachverhalt::einwandfrei(), &[], Date::ZERO).1,
            Ergebnis::Klaerfall
        );
    }

    /// Every situation there is, one by one: what the algebra proves holds when it is counted out.
    #[test]
    fn only_one_situation_ends_in_a_and_one_in_b() {
        let table = Tabelle::default();
        let mut automatic = Vec::new();
        let mut all = vec![Sachverhalt::einwandfrei()];
        for (merkmal, _, werte) in MERKMALE {
            // All pairs would be one and a half million; two values of each fact, the best and every other in turn, are enough
            // to meet each row with each other row.
            let values: Vec<&str> = if merkmal == Merkmal::Arten {
                werte.to_vec()
            } else {
                vec![werte[0], werte[werte.len() - 1]]
            };
            all = all
                .iter()
                .flat_map(|one| values.iter().map(|wert| one.mit(merkmal, wert)).collect::<Vec<_>>())
                .collect();
        }
        assert_eq!(all.len(), 8192 * 6);
        for situation in all {
            let (fall, ergebnis) = table.entscheiden(&situation, &[], Date::ZERO);
            if matches!(ergebnis, Ergebnis::Negativ | Ergebnis::Eintragung) {
                automatic.push((fall, situation));
            }
        }
        let best = Sachverhalt::einwandfrei();
        assert_eq!(automatic, [(Fall::A, best), (Fall::B, best.mit(Merkmal::Arten, "nur-01"))]);
    }

    #[test]
    fn every_single_value_that_is_not_the_best_ends_with_a_person_or_an_office() {
        for (merkmal, name, werte) in MERKMALE.iter().filter(|(merkmal, _, _)| *merkmal != Merkmal::Arten) {
            for wert in &werte[1..] {
                let situation = Sachverhalt::einwandfrei().mit(*merkmal, wert);
                let (_, ergebnis) = Tabelle::default().entscheiden(&situation, &[], Date::ZERO);
                assert!(
                    matches!(ergebnis, Ergebnis::Klaerfall | Ergebnis::Zustaendigkeit),
                    "{name}: {wert} {ergebnis:?}"
                );
            }
        }
    }

    #[test]
    fn a_table_that_is_looser_is_refused() {
        for (from, to, says) in [
            // A condition left out: the answer would be given although it holds.
            ("      - { offen: [ja] }", "      - { offen: [ja], treffer: [keiner] }", "only a clean"),
            (
                "register: [unvollstaendig-oder-veraltet]",
                "register: [unvollstaendig-oder-veraltet], offen: [ja]",
                "only a clean",
            ),
            ("treffer: [mehrere, aehnlich, keiner]", "treffer: [mehrere, aehnlich]", "only a clean"),
            (
                "      - { sperrvermerk: [ja] }",
                "      - { sperrvermerk: [ja], arten: [keine] }",
                "exactly 01",
            ),
            ("ergebnis: eintragung", "ergebnis: negativ", "case B may not end"),
            ("ergebnis: negativ", "ergebnis: zustaendigkeit", "case A may not end"),
            ("      - { arten: [nur-01] }", "      - { arten: [nur-01, keine] }", "exactly 01"),
            ("      - { anmeldung: [ungueltig] }\n", "", "nothing is decided"),
            (
                "      - { kind-alter: [volljaehrig] }",
                "      - { kind-alter: [volljaehrig, unbekannt] }",
                "never refuses",
            ),
        ] {
            let faults = faults(from, to);
            assert!(faults.iter().any(|fault| fault.text.contains(says)), "{to}: {faults:?}");
            assert!(faults.iter().all(|fault| fault.line > 0 && fault.column > 0), "{faults:?}");
        }
    }

    #[test]
    fn a_table_that_is_stricter_is_taken() {
        let from = "    ergebnis: zustaendigkeit\n    recht: \"§ 1626 Abs. 1";
        assert!(EINGEBAUT.contains(from));
        let stricter =
            lesen(&EINGEBAUT.replacen(from, &from.replace("zustaendigkeit", "klaerfall"), 1)).unwrap();
        let adult = Sachverhalt::einwandfrei().mit(Merkmal::KindAlter, "volljaehrig");
        assert_eq!(stricter.entscheiden(&adult, &[], Date::ZERO), (Fall::L, Ergebnis::Klaerfall));
        assert_eq!(
            Tabelle::default().entscheiden(&adult, &[], Date::ZERO),
            (Fall::L, Ergebnis::Zustaendigkeit)
        );
        let without_b = EINGEBAUT
            .replace("      - { arten: [nur-02] }", "      - { arten: [nur-02, nur-01] }")
            .replace("  - fall: B\n    wenn:\n      - { arten: [nur-01] }\n    ergebnis: eintragung\n", "");
        let start = without_b.find("    recht: \"§ 58 Abs. 1 Nr. 1 SGB VIII, § 1626a").unwrap();
        let end = start + without_b[start..].find('\n').unwrap() + 1;
        let without_b = format!("{}{}", &without_b[..start], &without_b[end..]);
        let table = lesen(&without_b).unwrap();
        let entry = Sachverhalt::einwandfrei().mit(Merkmal::Arten, "nur-01");
        assert_eq!(table.entscheiden(&entry, &[], Date::ZERO), (Fall::C, Ergebnis::Klaerfall));
    }

    #[test]
    fn what_is_written_wrongly_is_named_with_its_place() {
        for (from, to, says) in [
            ("{ offen: [ja] }", "{ ofen: [ja] }", "unknown fact `ofen`"),
            ("{ offen: [ja] }", "{ offen: [vielleicht] }", "unknown value `vielleicht`; allowed: nein, ja"),
            ("{ offen: [ja] }", "{ offen: [] }", "has no value"),
            ("{ offen: [ja] }", "{}", "no fact is named"),
            ("      - { arten: [keine] }", "      - { arten: [keine], offen: [ja] }", "take everything"),
            ("arten: [mehrere] }", "arten: [mehrere], treffer: [keiner] }", "take everything"),
            ("datum: 2026-11-22", "datum: gestern", "no day"),
            ("fassung: \"1\"", "fassung: \"\"", "`fassung` is empty"),
            ("tafel: auskunft", "tafel: auskünfte", "unknown table"),
            ("    werte: [klar, unklar]", "    werte: [klar]", "can also be `unklar`"),
            ("    werte: [klar, unklar]", "    werte: [klar, unklar, trüb]", "unknown value `trüb`"),
            ("  daten:\n    heisst: Ob", "  datum:\n    heisst: Ob", "did you mean"),
            ("fall: V", "fall: X", ""),
            (
                "verschaerfungen: []",
                "verschaerfungen: [{ jugendamt: a, faelle: [I], datum: 2026-01-01, freigegeben-von: b, grund: c }]",
                "allowed: A, B",
            ),
            ("tafel: auskunft", "tafel: auskunft\nunbekannt: 1", ""),
        ] {
            let faults = faults(from, to);
            assert!(
                faults.iter().any(|fault| fault.text.contains(says) && fault.line > 0),
                "{to}: {faults:?}"
            );
        }
        let gap = faults("      - { arten: [unbekannt] }\n", "");
        assert_eq!(gap.len(), 1);
        assert!(gap[0].text.contains("no row takes this: arten: unbekannt"), "{}", gap[0].text);
    }
}
