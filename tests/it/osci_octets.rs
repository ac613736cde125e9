//! One changed octet: no recorded message is judged as before when an octet under a signature or of a cipher value is another.
//! Octets and values are drawn with a seed, so that every run looks at the same ones.

use bytes::Bytes;

use crate::osci_support::{Seeded, look, look_json, package, recorded};

/// What no signature covers, and what XML and Base64 read alike: white space for white space.
fn reads_alike(old: u8, new: u8) -> bool {
    let space = |octet: u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
    space(old) && space(new)
}

/// The places of a package that a signature of its envelope covers: the value and SignedInfo, headers, body, attachments.
fn covered(package: &[u8]) -> Vec<std::ops::Range<usize>> {
    let find = |from: usize, text: &str| {
        let found = package[from..].windows(text.len()).position(|window| window == text.as_bytes());
        found.map(|at| from + at)
    };
    let control = find(0, "<osci:ControlBlock").unwrap();
    let info = find(control, "<ds:SignedInfo>").unwrap();
    let key = find(info, "<ds:KeyInfo>").unwrap();
    let header_end = find(key, "Signature><osci").or_else(|| find(key, "Signature></soap")).unwrap();
    let behind = header_end + "Signature>".len();
    let signature_start = find(control, "</osci:ControlBlock>").unwrap() + "</osci:ControlBlock>".len();
    let end = find(behind, "</soap:Envelope>").unwrap();
    let close = find(behind, "</soap:Header>").unwrap();
    let body = close + "</soap:Header>".len();
    vec![control..signature_start, info..key, behind..close, body..end]
}

#[test]
fn one_changed_octet_under_a_signature_is_never_judged_as_before() {
    let mut seeded = Seeded(0x0511);
    let (mut changed, mut places) = (0, 0);
    for found in recorded() {
        let seen = look(&found.body);
        let signed = seen.signatures.first().is_some_and(|first| first.kind != "content" && first.valid);
        if !signed {
            continue;
        }
        let Some(package) = package(&found.body) else { continue };
        let before = look_json(&package);
        let covered = covered(&package);
        for _ in 0..4 {
            let range = &covered[seeded.below(covered.len())];
            let at = range.start + seeded.below(range.len());
            let new = seeded.below(256) as u8;
            places += 1;
            if package[at] == new || reads_alike(package[at], new) {
                continue;
            }
            let mut other = package.to_vec();
            let old = std::mem::replace(&mut other[at], new);
            let after = look_json(&Bytes::from(other));
            assert_ne!(after, before, "{} octet {at}: {old} became {new}", found.name);
            changed += 1;
        }
    }
    assert!(changed > 700 && changed > places * 9 / 10, "{changed} of {places}");
}

#[test]
fn one_changed_octet_of_a_cipher_value_is_never_judged_as_before() {
    let mut seeded = Seeded(0x0512);
    let mut changed = 0;
    for found in recorded() {
        let seen = look(&found.body);
        // One that does not open as it is cannot be told from one that does not open any more.
        if seen.encryptions.is_empty() || !seen.encryptions[0].opened {
            continue;
        }
        let before = look_json(&found.body);
        let text = &found.body;
        let mut ranges = Vec::new();
        let mut from = 0;
        const START: &[u8] = b"<xenc:CipherValue>";
        while let Some(at) = text[from..].windows(START.len()).position(|window| window == START) {
            let start = from + at + START.len();
            let length = text[start..].iter().position(|octet| *octet == b'<').unwrap();
            ranges.push(start..start + length);
            from = start + length;
        }
        let beside = b"Content-ID: <osci_enc>\r\n";
        if let Some(at) = text.windows(beside.len()).position(|window| window == beside) {
            let end = text.windows(4).rposition(|window| window == b"\r\n--").unwrap();
            ranges.push(at + beside.len() + 2..end);
        }
        for range in ranges.iter().take(4) {
            let at = range.start + seeded.below(range.len());
            let new = seeded.below(256) as u8;
            if text[at] == new || reads_alike(text[at], new) {
                continue;
            }
            let mut other = text.to_vec();
            other[at] = new;
            assert_ne!(look_json(&Bytes::from(other)), before, "{} octet {at}", found.name);
            changed += 1;
        }
    }
    assert!(changed > 250, "{changed}");
}

#[test]
fn whatever_is_changed_nothing_panics_and_nothing_signed_is_taken_otherwise() {
    let mut seeded = Seeded(0x0513);
    for found in recorded().into_iter().step_by(7) {
        for _ in 0..6 {
            let mut other = found.body.to_vec();
            for _ in 0..1 + seeded.below(4) {
                let at = seeded.below(other.len());
                match seeded.below(3) {
                    0 => other[at] = seeded.below(256) as u8,
                    1 => {
                        other.remove(at);
                    }
                    _ => {
                        let length = seeded.below(64).min(other.len() - at);
                        let piece = other[at..at + length].to_vec();
                        other.splice(at..at, piece);
                    }
                }
            }
            let _ = look(&Bytes::from(other));
        }
        let cut = seeded.below(found.body.len());
        let _ = look(&found.body.slice(..cut));
    }
}
