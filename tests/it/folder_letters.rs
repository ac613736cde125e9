//! A tray of letters: what a partner prints lies there as PDF files and an index record that comes last, and nothing else of the document.

use std::fs;
use std::sync::Arc;

use drehscheibe::clock::Clock;
use drehscheibe::envelope::Envelope;
use drehscheibe::transport::folder::ENTRY;
use drehscheibe::transport::port::{
    Attempt, Channel, Destination, Followed, Forgetful, Progress, SendError, Spool, Withdrawal,
};
use serde_json::{Value, json};

use crate::support::names;
use crate::transport_support::{House, destination_of, envelope};

async fn letter(house: &Arc<House>, body: &Value, parts: &[(&str, &str)]) -> Envelope {
    let mut letter = envelope(&body.to_string(), "application/json");
    let partner = letter.head.partner.clone().unwrap();
    for (content, media) in parts {
        let mut writer = house.begin(&partner).await.unwrap();
        writer.write(content.as_bytes().to_vec().into()).await.unwrap();
        letter.parts.push(writer.finish("hinweis.pdf", media).await.unwrap());
    }
    letter
}

fn tray(house: &Arc<House>, settings: Value) -> Arc<dyn Destination> {
    let trays = json!({ "trays": [{ "partner": "druckerei", "in": "in" }] });
    assert_eq!((ENTRY.check_channel)(&settings), []);
    let channel = Channel { partner: "postfach".to_owned(), settings };
    destination_of(&ENTRY, ("brief", &trays), &channel, &house.around(Clock::real())).unwrap().unwrap()
}

#[tokio::test]
async fn a_tray_of_letters_holds_what_is_printed_and_to_whom_it_goes() {
    let house = House::new();
    let out = house.spooled.path().join("out");
    fs::create_dir(&out).unwrap();
    let to = tray(&house, json!({ "out": out, "letters": {} }));
    let an = json!({ "postfach": "handle-1", "name": { "familienname": "Müller" }, "anschrift": { "wohnort": "Bremen" } });
    let body = json!({ "an": an, "art": "hinweis-auf-eintragung", "referenz": "r-1", "kind": { "geburtsort": "Bremen" } });
    let sheets =
        [("%PDF brief", "application/pdf"), ("{}", "application/json"), ("%PDF blatt", "application/pdf")];
    let leaving = letter(&house, &body, &sheets).await;
    let receipt = to.send(&leaving).await.unwrap();
    let id = leaving.head.id;
    assert_eq!(receipt.reference, format!("{id}.json"));
    assert_eq!(names(&out), [format!("{id}-1.pdf"), format!("{id}-2.pdf"), format!("{id}.json")]);
    assert_eq!(fs::read(out.join(format!("{id}-2.pdf"))).unwrap(), b"%PDF blatt");
    let index: Value = serde_json::from_slice(&fs::read(out.join(format!("{id}.json"))).unwrap()).unwrap();
    let file = |n: usize, at: usize| json!({ "name": format!("{id}-{n}.pdf"), "groesse": 10, "sha256": leaving.parts[at].sha256 });
    assert_eq!(
        index,
        json!({
            "id": id, "referenz": "r-1", "name": { "familienname": "Müller" }, "anschrift": { "wohnort": "Bremen" },
            "dateien": [file(1, 0), file(2, 2)],
        })
    );
    // Printed twice it is two letters.
    assert!(!to.repeat_is_safe());
    assert!(to.find_by_reference(&leaving).await.unwrap().is_some());
    fs::remove_file(out.join(format!("{id}.json"))).unwrap();
    assert!(matches!(to.find_by_reference(&leaving).await, Err(SendError::Unclear { .. })));
}

/// Taken back is what was printed there, and nothing that whoever prints has laid beside it.
#[tokio::test]
async fn a_letter_that_is_taken_back_leaves_what_is_not_of_it() {
    let house = House::new();
    let out = house.spooled.path().join("out");
    fs::create_dir(&out).unwrap();
    let to = tray(&house, json!({ "out": out, "letters": {} }));
    let an = json!({ "name": { "familienname": "M" }, "anschrift": { "wohnort": "B" } });
    let sheets = [("%PDF brief", "application/pdf"), ("%PDF blatt", "application/pdf")];
    let leaving = letter(&house, &json!({ "an": an, "referenz": "r" }), &sheets).await;
    let taken_within = Some(std::time::Duration::from_secs(100));
    let attempt = Attempt { progress: &Progress::default(), memory: &Forgetful, taken_within };
    let receipt = to.attempt(&leaving, attempt).await.unwrap();
    let id = leaving.head.id;
    let mine = [format!("{id}-1.pdf.gedruckt"), format!("{id}-druckauftrag.json"), format!("{id}.part-1")];
    for name in &mine {
        fs::write(out.join(name), b"x").unwrap();
    }
    let back = async |keep: &[u8]| {
        let followed = Followed { id, reference: &receipt.reference, keep, looks: 0, last: true };
        to.withdraw(&followed).await
    };
    let Ok(Withdrawal::Step { keep }) = back(&receipt.follow.unwrap().keep).await else {
        panic!("it is there")
    };
    assert!(matches!(back(&keep).await, Ok(Withdrawal::Gone)));
    assert_eq!(names(&out), mine);
}

#[tokio::test]
async fn what_is_no_letter_that_could_be_posted_is_refused_and_leaves_nothing() {
    let house = House::new();
    let out = house.spooled.path().join("out");
    fs::create_dir(&out).unwrap();
    let to = tray(&house, json!({ "out": out, "letters": {} }));
    let pdf = [("%PDF", "application/pdf")];
    let whole = json!({ "an": { "name": { "familienname": "M" }, "anschrift": { "wohnort": "B" } }, "referenz": "r" });
    for (pointer, gone) in
        [("/an/anschrift", json!(null)), ("/an/name", json!(null)), ("/referenz", json!(null))]
    {
        let mut body = whole.clone();
        *body.pointer_mut(pointer).unwrap() = gone;
        let outcome = to.send(&letter(&house, &body, &pdf).await).await;
        assert!(matches!(outcome, Err(SendError::Never { .. })), "{pointer}: {outcome:?}");
    }
    for parts in [&[][..], &[("x", "application/xml")]] {
        assert!(matches!(to.send(&letter(&house, &whole, parts).await).await, Err(SendError::Never { .. })));
    }
    assert!(names(&out).is_empty());
    to.send(&letter(&house, &whole, &pdf).await).await.unwrap();
    for (index, path) in [
        (json!([]), "/letters/index"),
        (json!(["an"]), "/letters/index/0"),
        (json!(["/an/name", "/kind/name"]), "/letters/index/1"),
        (json!(["/an/id"]), "/letters/index/0"),
    ] {
        let faults = (ENTRY.check_channel)(&json!({ "letters": { "index": index } }));
        assert_eq!(faults.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), [path], "{index}");
    }
}
