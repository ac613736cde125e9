//! Messages of XFamilie 1.3.0 made by chance and valid to their schema, for properties that must hold of every one.
//! The grammar is written down here a second time, from the standard's text and not from our schema files.

use std::fmt::Write;

/// Numbers that are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn one_of<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values[self.below(values.len())]
    }
}

/// The messages that are generated: number, prefix, root and content after the header.
const MESSAGES: &[(&str, &str, &str, &str)] = &[
    (
        "0801",
        "xfg",
        "sorge.alleinsorge.antrag.0801",
        "angabenZurMutter:Mutter angabenZumKind:Kind zusatzangaben?:Zusatz terminwuensche*:Termin",
    ),
    (
        "0803",
        "xfg",
        "sorge.alleinsorge.auskunft.0803",
        "angabenZurMutter:Mutter angabenZumKind:Kind zusatzangaben?:Zusatz eintragungNachweisregister:Eintragung",
    ),
    (
        "0804",
        "xfg",
        "sorge.nachweisregister.eintragung.0804",
        "angabenZurMutter:Mutter angabenZumKind:Kind eintragungNachweisregister:Eintragung",
    ),
    (
        "0805",
        "xfg",
        "sorge.nachweisregister.korrektur.0805",
        "angabenZurMutterAlt:Mutter angabenZumKindAlt:Kind eintragungNachweisregisterAlt:Eintragung \
         angabenZurMutterNeu?:Mutter angabenZumKindNeu?:Kind eintragungNachweisregisterNeu?:Eintragung",
    ),
    ("0806", "xfg", "sorge.nachweisregister.loeschung.0806", "angabenZurMutter:Mutter angabenZumKind:Kind"),
    (
        "0001",
        "xfa",
        "allgemeinenachrichten.rueckweisung.0001",
        "rueckweisendeStelle?:Stelle rueckweisungsgrund+:Grund transportinformationen?:Transport \
         identifikation.nachricht?:Identifikation nachricht?:b64",
    ),
    ("0011", "xfa", "allgemeinenachrichten.quittung.0011", "identifikation.nachricht:Identifikation"),
];

/// Types with the prefix of their elements and their content; `name:Type` with `?`, `*`, `+`; a content that begins
/// with `|` is one of its elements, with `|?` one or none.
const TYPES: &[(&str, &str, &str)] = &[
    (
        "Kopf",
        "xfb",
        "identifikation.nachricht:Identifikation leser:Leser autor:Autor postkorbHandle?:Postkorb",
    ),
    ("Identifikation", "xfb", "nachrichtenUUID:uuid nachrichtentyp:typ erstellungszeitpunkt:zeit"),
    ("Leser", "xfb", "behoerdenkennung:Kennung erreichbarkeit*:Weg anschrift?:Postalisch behoerdenname:C"),
    ("Autor", "xfb", "behoerdenkennung:Kennung erreichbarkeit+:Weg anschrift:Postalisch behoerdenname:C"),
    ("Kennung", "xfb", "praefix:praefix kennung:frei"),
    ("Weg", "xfb", "kanal:kanal kennung:C zusatz?:C"),
    ("Postkorb", "xfb", "postkorbHandle?:C zustimmungElektronischerBescheid?:bool"),
    ("Postalisch", "xfb", "| postfach:Postfach gebaeude:Gebaeude"),
    ("Postfach", "xfb", "postfach?:C wohnort:C postleitzahl:C zusatzangaben?:C"),
    (
        "Gebaeude",
        "xfb",
        "hausnummer?:C hausnummerBuchstabeZusatzziffer?:C postleitzahl:C stockwerkswohnungsnummer?:C strasse:C \
         teilnummerDerHausnummer?:C wohnort:C wohnortFruehererGemeindename?:C wohnungsinhaber?:C zusatzangaben?:C \
         hausnummern.bis?:Bis",
    ),
    ("Bis", "xfb", "hausnummer.bis?:C hausnummerbuchstabezusatzziffer.bis?:C teilnummerderhausnummer.bis?:C"),
    ("Gruppe", "xfb", "feld*:Feld feldgruppe*:Feldgruppe name:frei-text fassungHandlungsanweisung:tag"),
    ("Feld", "xfb", "name:frei-text wert:frei-text laufendeNummer?:frei-text"),
    ("Feldgruppe", "xfb", "name:frei-text feld*:Feld laufendeNummer?:frei-text"),
    (
        "Mutter",
        "xfg",
        "nameElternteil2:Name geburt:Geburt dolmetscherBenoetigt?:bool anschrift*:Melde anschriftAusland?:Ausland \
         kontakt*:Weg aenderungAnschriftLetzte5Jahre?:bool familienstand?:familienstand \
         anschriftPostalisch?:Postalisch",
    ),
    (
        "Name",
        "xfb",
        "familienname.unstrukturiert:EinName geburtsname.unstrukturiert?:EinName vornamen?:EinName",
    ),
    ("EinName", "xfb", "| name:name name:name name:name nichtVorhanden:wahr"),
    ("Geburt", "xfb", "geburtsort:C geburtsortStaat?:staat geburtsdatum:Datum"),
    ("Datum", "xfb", "| jahrMonatTag:tag jahrMonat:monat jahr:jahr"),
    (
        "Melde",
        "xfb",
        "gemeindeschluessel?:ags hausnummer?:C hausnummerBuchstabeZusatzziffer?:C postleitzahl?:C \
         stockwerkswohnungsnummer?:C strasse?:C teilnummerDerHausnummer?:C wohnort?:C \
         wohnortFruehererGemeindename?:C wohnungsinhaber?:C zusatzangaben?:C regionalschluessel?:ars",
    ),
    ("Ausland", "xfb", "staat:staat anschriftszeile:C anschriftszeile:C anschriftszeile?:C"),
    (
        "Kind",
        "xfg",
        "|? nachgeburtlicheAngabenZumKind:Geboren nachgeburtlicheAngabenZumKind:Geboren angabenZumKindVorGeburt:Datum",
    ),
    (
        "Geboren",
        "xfg",
        "nameDesKindes+:Name geburtsort:C geburtsortStaat?:staat geburtsdatum:Datum geburtsregisterNummer?:C \
         geburtsstandesamt?:C registerfuehrendeStelleARS?:ars",
    ),
    (
        "Zusatz",
        "xfg",
        "mutterIstWarMitVaterVerheiratet:bool gerichtlicheEntscheidungElterlicheSorgeAuchVorlaeufige:bool \
         nachweise*:Nachweis mutterZumZeitpunktDerGeburtVerheiratet?:bool gemeinsameSorgeerklaerung?:bool",
    ),
    ("Nachweis", "xfb", "dokumentid:C dateiname:C mimetype:C kategorie:C"),
    ("Termin", "xfb", "wochentag*:C uhrzeit*:C"),
    (
        "Eintragung",
        "xfg",
        "eintragungVorhanden:bool eintragungSorgeregisterArt*:art wohnortJugendamtMutter?:C \
         registerfuerhrendesJugendamt?:C",
    ),
    ("Stelle", "xfa", "pruefinstanz:C erreichbarkeit+:Weg"),
    ("Grund", "xfa", "grund:grund grundSpezifisch*:Spezifisch"),
    ("Spezifisch", "xfa", "code?:frei beschreibung?:C"),
    ("Transport", "xfa", "nachrichtenId?:C betreff?:C sendezeitpunkt?:zeit ergaenzendeHinweise?:C"),
];

const TEXTS: &[&str] = &[
    "Bremen",
    "Ćirković-Müller",
    "Łukasz",
    "Þór Ægir",
    "a",
    "12 a",
    "D'Angelo",
    "Straße 1/2",
    "0",
    "€ 5 &amp; mehr",
    "&#196;rger",
    "C̈",
    "",
    " Rand ",
];
const NAMES: &[&str] = &["Müller", "Zoë Marie", "İpek", "Ördög", "Đặng", "von der Heide", "O’Brien", "Lía"];

/// A message of this number, valid to its schema.
pub fn message(number: &str, numbers: &mut Numbers) -> String {
    let (_, prefix, root, content) = MESSAGES.iter().find(|known| known.0 == number).unwrap();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{prefix}:{root} \
         xmlns:{prefix}=\"http://www.xoev.de/xfamilie/{}/1.3.0\" \
         xmlns:xfb=\"http://www.xoev.de/xfamilie/baukasten/1.3.0\" standard=\"XFamilie\" version=\"1.3.0\" \
         produkt=\"Muster\" produkthersteller=\"Muster GmbH\"{}>\n",
        if *prefix == "xfg" { "geburt" } else { "allgemeinenachrichten" },
        numbers.one_of(&["", " test=\"true\"", " produktversion=\"Ä 1\""]),
    );
    let mut maker = Maker { number, numbers, text: &mut text };
    maker.content("xfb", "nachrichtenkopf:Kopf zusatzparametergruppe*:Gruppe");
    if *prefix == "xfg" {
        maker.content("xfb", "zeitstempelAntragsstellung:zeit transaktionsid:uuid");
    }
    maker.content(prefix, content);
    let _ = write!(text, "</{prefix}:{root}>");
    text
}

/// The numbers of the messages that are generated.
pub fn numbers() -> impl Iterator<Item = &'static str> {
    MESSAGES.iter().map(|message| message.0)
}

struct Maker<'a> {
    number: &'a str,
    numbers: &'a mut Numbers,
    text: &'a mut String,
}

impl Maker<'_> {
    fn content(&mut self, prefix: &str, content: &str) {
        let parts: Vec<&str> = content.split_whitespace().collect();
        match parts[0] {
            "|?" if self.numbers.below(6) == 0 => {}
            "|" | "|?" => {
                let at = 1 + self.numbers.below(parts.len() - 1);
                self.part(prefix, parts[at]);
            }
            _ => parts.iter().for_each(|part| self.part(prefix, part)),
        }
    }

    fn part(&mut self, prefix: &str, part: &str) {
        let (name, kind) = part.split_once(':').unwrap();
        let bare = name.trim_end_matches(['?', '*', '+']);
        let times = match &name[bare.len()..] {
            "?" => self.numbers.below(2),
            "*" => self.numbers.below(3),
            "+" => 1 + self.numbers.below(2),
            _ => 1,
        };
        for _ in 0..times {
            self.element(prefix, bare, kind);
        }
    }

    fn element(&mut self, prefix: &str, name: &str, kind: &str) {
        if let Some((_, inner, content)) = TYPES.iter().find(|known| known.0 == kind) {
            let _ = write!(self.text, "<{prefix}:{name}>");
            self.content(inner, content);
            let _ = writeln!(self.text, "</{prefix}:{name}>");
            return;
        }
        let numbers = &mut *self.numbers;
        let (version, value) = match kind {
            "typ" => (None, self.number.to_owned()),
            "praefix" => (Some("51"), numbers.one_of(&["jga", "fap", "töj"]).to_owned()),
            "kanal" => (Some("3"), numbers.one_of(&["01", "09", " 02 "]).to_owned()),
            "staat" => {
                (Some("2024-08-01"), numbers.one_of(&["000", "160", "000", "160", "125", "994"]).to_owned())
            }
            "ags" => (Some("2026-04-30"), "02000000".to_owned()),
            "ars" => (Some("2026-04-30"), "040110000000".to_owned()),
            "familienstand" => (None, numbers.one_of(&["LD", "VH", "NB"]).to_owned()),
            "art" => (None, numbers.one_of(&["01", "02", "03", "04"]).to_owned()),
            "grund" => (None, numbers.one_of(&["X001", "S999", "V000"]).to_owned()),
            "frei" => (None, numbers.one_of(&["040110000000", "R-1"]).to_owned()),
            _ => {
                let value = self.value(kind);
                let _ = writeln!(self.text, "<{prefix}:{name}>{value}</{prefix}:{name}>");
                return;
            }
        };
        let version = version.map(|version| format!(" listVersionID=\"{version}\"")).unwrap_or_default();
        let _ = writeln!(self.text, "<{prefix}:{name}{version}><code>{value}</code></{prefix}:{name}>");
    }

    fn value(&mut self, kind: &str) -> String {
        let numbers = &mut *self.numbers;
        let (year, month, day) = (1900 + numbers.below(140), 1 + numbers.below(12), 1 + numbers.below(28));
        match kind {
            "C" => numbers.one_of(TEXTS).to_owned(),
            "name" => numbers.one_of(NAMES).to_owned(),
            "frei-text" => numbers.one_of(&["", "anmeldung", "中 &lt;", "a\nb"]).to_owned(),
            "bool" => numbers.one_of(&["true", "false", "1", "0", " true "]).to_owned(),
            // `1` is the same value; the second validator compares a fixed value letter by letter.
            "wahr" => "true".to_owned(),
            "uuid" => format!("7b2d4c10-1f3a-4e55-8b7a-{:012x}", numbers.below(1 << 40)),
            "zeit" => format!(
                "{year}-{month:02}-{day:02}T{:02}:15:30{}{}",
                numbers.below(24),
                numbers.one_of(&["", ".1", ".123456"]),
                numbers.one_of(&["Z", "+01:00", "-13:59"])
            ),
            "tag" => format!("{year}-{month:02}-{day:02}"),
            "monat" => format!("{year}-{month:02}"),
            "jahr" => format!("{year}"),
            "b64" => numbers.one_of(&["", "PGE+", "PGE vPg =="]).to_owned(),
            other => panic!("no such type: {other}"),
        }
    }
}
