//! SOAP faults of OSCI-Transport 1.2, and the words of its codes: written as the libraries write them, read in both spellings.
//! It never says more than the code: what went wrong inside is no matter of the other side.

use super::kind::{OSCI, SOAP};
use super::order::Feedback;
use crate::xml::tree::Element;

/// Codes, and what is said with them.
const WORDS: &[(u16, &str)] = &[
    (800, "Auftrag ausgeführt, der Dialog ist beendet."),
    (801, "Auftrag ausgeführt, der Dialog bleibt offen."),
    (3800, "Es liegen weitere Zustellungen bereit."),
    (3801, "Es gibt weitere passende Laufzettel."),
    (9000, "Interner Fehler."),
    (9100, "Die Nachricht ist keine gültige OSCI-Nachricht."),
    (9200, "Zum Chiffrierzertifikat der Nachricht gibt es hier keinen Schlüssel."),
    (9202, "Die Nachricht lässt sich nicht entschlüsseln."),
    (9300, "Die Nachricht enthält keinen Auftrag, der hier ausgeführt wird."),
    (9400, "Dialog, laufende Nummer oder Response stimmen nicht."),
    (9500, "Das Chiffrierzertifikat für die Antwort fehlt."),
    (9501, "Das Chiffrierzertifikat für die Antwort ist hier nicht zugelassen."),
    (9600, "Der Auftrag ist nicht signiert."),
    (9601, "Die Signatur des Auftrags ist ungültig."),
    (9602, "Die Signatur umfasst nicht genau alle Teile des Auftrags."),
    (9700, "Das Signaturzertifikat des Auftrags ist hier nicht zugelassen."),
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
    (9904, "Die Nachricht ist zu groß."),
];

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
