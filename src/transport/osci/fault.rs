//! SOAP faults of OSCI-Transport 1.2, and the words of its codes: written as the libraries write them, read in both spellings.
//! It never says more than the code: what went wrong inside is no matter of the other side.

use super::kind::{OSCI, SOAP};
use super::order::Feedback;
use crate::xml::tree::Element;

/// Codes, and what is said with them.
const WORDS: &[(u16, &str)] = &[
    (800, "Auftrag ausgeführt, der Dialog ist beendet."),
    (801, "Auftrag ausgeführt, der Dialog bleibt offen."),
    (3500, "Das Chiffrierzertifikat des Absenders gilt zurzeit nicht."),
    (3501, "Das Chiffrierzertifikat des Absenders konnte nicht vollständig geprüft werden."),
    (3700, "Das Signaturzertifikat des Absenders gilt zurzeit nicht."),
    (3701, "Das Signaturzertifikat eines Autors gilt zurzeit nicht."),
    (3702, "Die Signatur der Zertifizierungsstelle auf dem Zertifikat eines Autors ist falsch."),
    (3703, "Das Signaturzertifikat eines Autors ist gesperrt."),
    (3704, "Das Chiffrierzertifikat eines Autors gilt zurzeit nicht."),
    (3705, "Das Chiffrierzertifikat des Empfängers gilt zurzeit nicht."),
    (3706, "Das Chiffrierzertifikat eines weiteren Lesers gilt zurzeit nicht."),
    (3707, "Eine Zertifikatsprüfung blieb unvollständig."),
    (3708, "Das Signaturzertifikat des Empfängers gilt zurzeit nicht."),
    (3800, "Es liegen weitere Zustellungen bereit."),
    (3801, "Es gibt weitere passende Laufzettel."),
    (3802, "Die Antwort des Empfängers ist nicht signiert."),
    (3803, "Die Antwort des Empfängers ist nicht verschlüsselt."),
    (3950, "Zur zusammengesetzten Nachricht gibt es eine eigene Rückmeldung."),
    (3951, "Die Zeit für die zusammengesetzte Nachricht ist überschritten."),
    (3952, "Die zusammengesetzte Nachricht ist noch in Arbeit."),
    (9000, "Interner Fehler."),
    (9100, "Die Nachricht ist keine gültige OSCI-Nachricht."),
    (9200, "Zum Chiffrierzertifikat der Nachricht gibt es hier keinen Schlüssel."),
    (9201, "Das Chiffrierzertifikat, das verwendet wurde, ist gesperrt."),
    (9202, "Die Nachricht lässt sich nicht entschlüsseln."),
    (9300, "Die Nachricht enthält keinen Auftrag, der hier ausgeführt wird."),
    (9400, "Dialog, laufende Nummer oder Response stimmen nicht."),
    (9500, "Das Chiffrierzertifikat für die Antwort fehlt."),
    (9501, "Das Chiffrierzertifikat für die Antwort ist hier nicht zugelassen."),
    (9502, "Das Chiffrierzertifikat für die Antwort ist gesperrt."),
    (9503, "Das Chiffrierzertifikat für die Antwort konnte nicht geprüft werden."),
    (9600, "Der Auftrag ist nicht signiert."),
    (9601, "Die Signatur des Auftrags ist ungültig."),
    (9602, "Die Signatur umfasst nicht genau alle Teile des Auftrags."),
    (9603, "Die Signatur konnte nicht geprüft werden."),
    (9700, "Das Signaturzertifikat des Auftrags ist hier nicht zugelassen."),
    (9701, "Das Signaturzertifikat des Auftrags ist gesperrt."),
    (9704, "Die Signatur der Zertifizierungsstelle auf dem Chiffrierzertifikat eines Autors ist falsch."),
    (9705, "Das Chiffrierzertifikat eines Autors ist gesperrt."),
    (9706, "Die Signatur der Zertifizierungsstelle auf dem Chiffrierzertifikat des Empfängers ist falsch."),
    (9707, "Das Chiffrierzertifikat des Empfängers ist gesperrt."),
    (
        9708,
        "Die Signatur der Zertifizierungsstelle auf dem Chiffrierzertifikat eines weiteren Lesers ist falsch.",
    ),
    (9709, "Das Chiffrierzertifikat eines weiteren Lesers ist gesperrt."),
    (9710, "Ein Zertifikat konnte nicht geprüft werden."),
    (9711, "Die Signatur der Zertifizierungsstelle auf dem Signaturzertifikat des Empfängers ist falsch."),
    (9712, "Das Signaturzertifikat des Empfängers ist gesperrt."),
    (9800, "Eine Zustellung ohne MessageId wird nicht angenommen."),
    (9801, "Diese MessageId wurde hier nicht ausgegeben oder schon verwendet."),
    (9802, "Für diesen Auftrag ist ein Dialog nötig."),
    (9803, "Keine passende Zustellung."),
    (9804, "Kein passender Laufzettel."),
    (9805, "Die Zustellung wurde nicht angenommen."),
    (9806, "Die Antwort des Empfängers enthält keine Zustellung."),
    (9807, "Die Signatur der Antwort des Empfängers ist ungültig."),
    (9808, "Interner Fehler beim Empfänger."),
    (9809, "Interner Fehler; die Zustellung hat den Empfänger nicht erreicht."),
    (9810, "Interner Fehler; die Zustellung hat den Empfänger erreicht."),
    (9811, "Interner Fehler; der Auftrag wurde nicht ausgeführt."),
    (9900, "Dieser Teil kam schon."),
    (9901, "Die Nummer des Teils stimmt nicht."),
    (9902, "Der Teil ist größer als zugelassen."),
    (9903, "Der Teil ist kleiner als zugelassen."),
    (9904, "Die Nachricht ist zu groß."),
    (9905, "Die Angaben zu den Teilen stimmen nicht."),
    (9950, "Die zusammengesetzte Nachricht wurde nicht ausgeführt."),
];

/// All codes of feedback and faults that are sent or read.
pub fn codes() -> impl Iterator<Item = u16> {
    WORDS.iter().map(|(code, _)| *code)
}

/// What is said with a code.
fn words(code: u16) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == code).map_or("Der Auftrag wurde nicht ausgeführt.", |row| row.1)
}

/// A line of feedback with this code.
pub fn feedback(code: u16) -> Feedback {
    Feedback { code: format!("{code:04}"), text: words(code).to_owned(), language: Some("de".to_owned()) }
}

/// The body that answers with a fault: never signed, never encrypted.
pub fn written(code: u16) -> Vec<u8> {
    let side = if matches!(code, 9000 | 9503) { "Server" } else { "Client" };
    // An empty line before the package and a boundary that is always the same are the libraries' own way.
    format!(
        "\r\nMIME-Version: 1.0\r\nContent-Type: Multipart/Related; boundary=MIME_boundary; type=text/xml\r\n\r\n\
         --MIME_boundary\r\nContent-Type: text/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\
         Content-ID: <osci@message>\r\n\r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\r\n\
         <soap:Envelope xmlns:soap=\"{SOAP}\" xmlns:osci=\"{OSCI}\"><soap:Body><soap:Fault>\
         <faultcode>soap:{side}</faultcode><faultstring>{}</faultstring><detail><osci:Code>{code:04}</osci:Code></detail>\
         </soap:Fault></soap:Body></soap:Envelope>\r\n--MIME_boundary--\r\n",
        words(code)
    )
    .into_bytes()
}

/// A fault that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoapFault {
    /// Four digits, if it has a code.
    pub code: String,
    /// What the other side says.
    pub text: String,
}

/// Reads the fault in an envelope, whose children have a prefix or not; `None` where there is none.
pub fn read(envelope: Element<'_>) -> Option<SoapFault> {
    let fault = envelope.child(SOAP, "Body")?.child(SOAP, "Fault")?;
    let of_name = |name| fault.children().find(|child| child.local() == name);
    let code = of_name("detail").and_then(|detail| detail.child(OSCI, "Code"));
    let text = of_name("faultstring").map(|text| text.text().into_owned());
    let code = code.map(|code| code.text().trim().to_owned()).unwrap_or_default();
    Some(SoapFault { code, text: text.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::transport::osci::open::{self, Rules};

    #[test]
    fn a_fault_is_read_as_it_was_written() {
        for (code, words) in WORDS {
            let opened = open::open(&Bytes::from(written(*code)), None, &[], &Rules::default()).unwrap();
            let fault = read(opened.tree.root()).unwrap();
            assert_eq!((fault.code, fault.text.as_str()), (format!("{code:04}"), *words));
        }
    }
}
