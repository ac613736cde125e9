//! The letter as a file: what an answer says as a PDF that leaves with it, and where the route asks for one the cover that bears the address.
//! It states what `paper` lets it state, from the Registersatz that was decided on; it decides nothing and sends nothing.

use aws_lc_rs::digest;
use bytes::Bytes;

use crate::envelope::{MADE_PART, Part};
use crate::message::Message;
use crate::paper::facts::Fakten;
use crate::paper::head::PLATTFORM;
use crate::paper::letter::{Datei, Deckblatt, Empfaenger, Inhalt, deckblatt, schreiben};
use crate::paper::texts::{DEUTSCH, DOKUMENTE, Dokument, Form, Ohne, Texte};
use crate::pipeline::schreiben::{Fehlt, amt, arten, registersatz};
use crate::pipeline::sending;
use crate::pipeline::step::Trouble;
use crate::register::aemter;
use crate::register::entscheidung::{Entscheidung, Ergebnis};
use crate::register::record::{Anschrift, Mutter};
use crate::register::tafeln::Tafeln;

/// Media type of a letter.
pub const PDF: &str = "application/pdf";

/// To whom a cover goes by post.
pub struct Post<'a> {
    /// Language of the cover, BCP 47.
    pub sprache: &'a str,
    /// Her name as given.
    pub mutter: &'a Mutter,
    /// Where she lives.
    pub anschrift: &'a Anschrift,
}

/// A letter with its cover, in the order in which they are printed after one another, and the versions of their texts.
pub struct Beilagen {
    /// The letter first.
    pub teile: Vec<Part>,
    /// What the row is stamped with.
    pub fassung: String,
}

/// Whether a stage writes letters as files: where it has no text at all its answers leave as data alone.
pub fn schreibt(texte: &Texte) -> bool {
    !texte.texte.is_empty() || texte.nur_freigegeben
}

/// What is missing so that every answer can be written: a text that holds for all of each document, the head of the platform, a cover in the
/// language that is asked for.
pub fn fehlt(texte: &Texte, cover: Option<&str>) -> Option<Ohne> {
    let letters =
        DOKUMENTE.iter().map(|dokument| texte.text(*dokument, Form::Schreiben, DEUTSCH, None).err());
    let posted = DOKUMENTE.iter().filter(|dokument| **dokument != Dokument::Zustaendigkeit);
    let covers = cover.into_iter().flat_map(|sprache| {
        posted.clone().map(move |dokument| texte.text(*dokument, Form::Deckblatt, sprache, None).err())
    });
    let head = std::iter::once_with(|| texte.kopf(PLATTFORM).err());
    letters.chain(covers).chain(head).flatten().next()
}

/// The letter that suits the decision, as parts of a row. Of a Klärfall the same octets whatever the case; only a cover differs by the address.
pub fn beilagen(
    message: &Message,
    entscheidung: &Entscheidung,
    (texte, tafeln): (&Texte, &Tafeln),
    post: Option<&Post<'_>>,
) -> Result<Beilagen, Trouble> {
    let ours =
        |cause: &dyn std::fmt::Display| Trouble::Ours(format!("the letter cannot be written: {cause}"));
    let referenz = sending::nummer(message).to_string();
    // A request that is decided anew, and is a Klärfall then, has the letter that it would have had as one from the beginning.
    let anew = entscheidung.ergebnis == Ergebnis::Klaerfall
        && message.befund.as_ref().is_some_and(|befund| befund.erneut);
    let datum = aemter::tag(if anew { message.envelope.head.received } else { message.now() });
    let issuer = entscheidung.wohnort_amt.as_deref();
    let angaben = || ours(&Fehlt::Angaben);
    let fakten = || {
        let satz = registersatz(message).ok_or_else(angaben)?;
        let name = amt(tafeln, entscheidung).ok_or_else(angaben)?;
        Fakten::of(satz, (&referenz, &name), (datum, aemter::tag(entscheidung.stand)))
            .map_err(|fehlt| ours(&fehlt))
    };
    let write = |inhalt: &Inhalt<'_>| schreiben(texte, inhalt, None).map_err(|unfertig| ours(&unfertig));
    let office = issuer.unwrap_or_default();
    let (datei, zu) = match entscheidung.ergebnis {
        Ergebnis::Negativ => {
            let fakten = fakten()?;
            (write(&Inhalt::Auskunft { amt: office, fakten: &fakten })?, Dokument::Auskunft)
        }
        Ergebnis::Eintragung => {
            let (fakten, satz) = (fakten()?, registersatz(message));
            let names = satz.ok_or(Fehlt::Angaben).and_then(arten).map_err(|fehlt| ours(&fehlt))?;
            let names: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
            (
                write(&Inhalt::Hinweis { amt: office, fakten: &fakten, eintragungen: &names })?,
                Dokument::Hinweis,
            )
        }
        Ergebnis::Klaerfall => {
            (write(&Inhalt::Eingangsnachricht { referenz: &referenz, datum })?, Dokument::Eingangsnachricht)
        }
        Ergebnis::Zustaendigkeit => {
            let stelle = amt(tafeln, entscheidung);
            let inhalt = Inhalt::Zustaendigkeit { referenz: &referenz, datum, stelle: stelle.as_deref() };
            (write(&inhalt)?, Dokument::Zustaendigkeit)
        }
    };
    let mut fassung = datei.fassung.clone();
    let mut teile = vec![teil(datei)];
    if let Some(post) = post {
        let amt = issuer.filter(|_| zu.of_an_office());
        let (name, lines) = (name(post.mutter), zeilen(post.anschrift));
        let empfaenger = Some(Empfaenger { name: &name, anschrift: &lines });
        let blatt = Deckblatt { zu, amt, sprache: post.sprache, referenz: &referenz, datum, empfaenger };
        let datei = deckblatt(texte, &blatt, None).map_err(|unfertig| ours(&unfertig))?;
        fassung = format!("{fassung}; {}", datei.fassung);
        teile.push(teil(datei));
    }
    if teile.iter().map(|teil| teil.size).sum::<u64>() > MADE_PART as u64 {
        return Err(ours(&"it is larger than a row may carry"));
    }
    Ok(Beilagen { teile, fassung })
}

fn teil(datei: Datei) -> Part {
    let sha256 = hex::encode(digest::digest(&digest::SHA256, &datei.octets));
    Part::made(&datei.name, PDF, Bytes::from(datei.octets), sha256)
}

fn name(mutter: &Mutter) -> String {
    let parts = [mutter.name.vornamen.as_deref(), mutter.name.familienname.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The lines of an address as a letter bears them.
fn zeilen(anschrift: &Anschrift) -> Vec<String> {
    let join = |parts: &[&Option<String>], by: &str| {
        let written: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
        written.join(by)
    };
    let house = join(&[&anschrift.hausnummer, &anschrift.hausnummer_zusatz], "");
    let street = join(&[&anschrift.strasse, &Some(house).filter(|house| !house.is_empty())], " ");
    let town = join(&[&anschrift.postleitzahl, &anschrift.wohnort], " ");
    [street, town].into_iter().filter(|line| !line.trim().is_empty()).collect()
}
