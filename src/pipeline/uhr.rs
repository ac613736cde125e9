//! What the steps share about time that a sender claims (rules.md 2.2): the stamp of a message, and what follows where it lies ahead of
//! its receipt. Refuses nothing by a clock that may be our own.

use jiff::{SignedDuration, Timestamp};

use crate::effects::{Call, Fact, Question};
use crate::message::Message;
use crate::pipeline::step::Trouble;
use crate::register::uhr::{self, Clocks, Lead, TOLERANCE};
use crate::rejection::{Fault, Rejection};

/// The code of the alarm about a partner whose clock is ahead.
pub const SENDER_CLOCK: &str = "sender-clock";
/// The code of the alarm about our own clock.
pub const OWN_CLOCK: &str = "own-clock";

/// The `erstellungszeitpunkt` of a message.
pub fn stamp(message: &Message) -> Result<Timestamp, Trouble> {
    message.record.kopf.stamped().ok_or_else(|| {
        Rejection::new(Fault::Rule, "Der erstellungszeitpunkt braucht Datum, Uhrzeit und Zeitzone.").into()
    })
}

/// By how much a stamp lies ahead of the receipt, where clocks that are right do not differ by as much.
fn ahead(message: &Message, stamp: Timestamp) -> Option<SignedDuration> {
    let ahead = stamp.duration_since(message.envelope.head.received);
    (ahead > TOLERANCE).then_some(ahead)
}

/// What has to be known before a stamp is judged; nothing where it lies before the receipt, as nearly all do.
pub fn question(message: &Message, stamp: Timestamp) -> Option<Question> {
    ahead(message, stamp).map(|_| Question::Leads)
}

/// Judges a stamp by the answer to [`question`]: calls the operator, notes who was ahead, refuses what is too far ahead. All of it
/// holds whatever becomes of the message.
pub fn judge(message: &mut Message, stamp: Timestamp, known: &Fact) -> Result<(), Trouble> {
    let Some(ahead) = ahead(message, stamp) else { return Ok(()) };
    let Fact::Leads(known) = known else {
        return Err(Trouble::Ours("the question for clocks got another answer".to_owned()));
    };
    let (partner, now) = (message.sender.id.clone(), message.envelope.head.received);
    let thought = uhr::judge(&partner, ahead, now, known);
    let seconds = ahead.as_secs().to_string();
    let facts = vec![("seconds", seconds.clone())];
    message.effects.calls.push(Call { code: SENDER_CLOCK, subject: partner.clone(), facts });
    if thought == Clocks::OursSuspected {
        let facts = vec![("partner", partner.clone()), ("seconds", seconds)];
        message.effects.calls.push(Call { code: OWN_CLOCK, subject: "engine".to_owned(), facts });
    }
    if uhr::is_news(&partner, now, known) {
        message.effects.leads.push(Lead { partner, seen: now, by: ahead });
    }
    if thought == Clocks::TooFar {
        let text = "Der erstellungszeitpunkt liegt mehr als 24 Stunden in der Zukunft. Bitte die Uhr des Fachverfahrens prüfen und die \
                    Nachricht neu erstellen.";
        return Err(Rejection::new(Fault::Other, text).rule("uhr-geht-vor").into());
    }
    Ok(())
}
