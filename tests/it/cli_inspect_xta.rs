//! `inspect` for XTA messages, as a program that reads its JSON sees it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::osci_support::with_envelope;
use crate::xta_support::folder;

fn inspect(file: &Path, more: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("inspect").args(more).arg(file);
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn seen(name: &str, code: i32) -> Value {
    let (ended, out) = inspect(&folder().join(name), &["--json"]);
    assert_eq!(ended, code, "{name}: {out}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_request_with_its_http_head_is_shown_with_everything_but_its_contents() {
    let seen = seen("xta-tool-vs-jaxws-ri/003-SendMessage.request.http", 0);
    let fields: Vec<&String> = seen.as_object().unwrap().keys().collect();
    let expected = [
        "protocol",
        "module",
        "operation",
        "turn",
        "action",
        "identities",
        "metadata",
        "list",
        "parts",
        "deviations",
        "readable",
        "fault",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (&seen["protocol"], &seen["module"], &seen["operation"]),
        (&json!("xta"), &json!("2.1.1"), &json!("sendMessage"))
    );
    assert_eq!(
        (&seen["turn"], &seen["action"]),
        (&json!("request"), &json!("http://www.xta.de/XTA/SendMessage"))
    );
    let author = json!({
        "role": "author", "value": "jua:05315000", "type": "xoev", "name": null, "category": "Jugendamt",
    });
    assert_eq!(seen["identities"][0], author);
    assert_eq!(seen["identities"][1]["role"], "reader");
    assert_eq!(seen["metadata"]["message_type"], "sorgeregister.anfrage.0001");
    assert_eq!(seen["metadata"]["scenario"], "XINNERES_DATA");
    let parts = seen["parts"].as_array().unwrap();
    assert_eq!(
        (parts.len(), &parts[0]["role"], &parts[1]["role"]),
        (2, &json!("message"), &json!("attachment"))
    );
    assert_eq!(parts[0]["content_id"], "69c99c5c-1fdf-45e2-af68-f7f80ea47da2@xoev.de");
    // The size of the part as it was recorded, counted in the file by another hand.
    let octets = fs::read(folder().join("xta-tool-vs-jaxws-ri/003-SendMessage.request.http")).unwrap();
    let find = |needle: &[u8], from: usize| {
        from + octets[from..].windows(needle.len()).position(|window| window == needle).unwrap()
    };
    let start = find(b"<?xml", 0);
    assert_eq!(parts[0]["size"], find(b"\r\n--uuid", start) - start);
    assert_eq!(seen["fault"], Value::Null);
    let text = seen.to_string();
    assert!(!text.contains("main.xml") && !text.contains("Müstermann"));
}

#[test]
fn responses_lists_faults_and_bare_envelopes_are_shown() {
    let fetched = seen("xta-tool-vs-jaxws-ri/006-MsgBoxFetchRequest.response.http", 0);
    assert_eq!((&fetched["turn"], &fetched["operation"]), (&json!("response"), &json!("getMessage")));
    assert_eq!(fetched["parts"].as_array().unwrap().len(), 2);
    let sent = seen("xta-tool-vs-jaxws-ri/003-SendMessage.request.http", 0);
    assert_eq!(fetched["parts"][1]["sha256"], sent["parts"][1]["sha256"]);
    let list = seen("jaxws-ri-client/021-MsgBoxStatusListRequest.response.http", 0);
    assert_eq!((list["list"].as_array().unwrap().len(), &list["metadata"]), (2, &Value::Null));
    let fault = seen("zeep-client-wire/055-MsgBoxFetchRequest.response.http", 0);
    let expected = json!({
        "class": "Receiver", "addressing": [], "exception": "InvalidMessageIDException", "code": "9070",
        "text": "MessageID für den Account nicht bekannt.", "status": 500,
    });
    assert_eq!((&fault["fault"], &fault["readable"]), (&expected, &json!(true)));
    // Multiparts that a reader of OSCI would take for its own: a fault that declares SOAP 1.1, a service named after OSCI.
    let multipart = seen("xta-tool-vs-jaxws-ri/012-SendMessage.response.http", 0);
    assert_eq!((&multipart["protocol"], &multipart["fault"]["code"]), (&json!("xta"), &json!("9024")));
    let place = tempfile::tempdir().unwrap();
    let octets = fs::read(folder().join("xta-tool-vs-jaxws-ri/003-SendMessage.request.http")).unwrap();
    let named = place.path().join("named.http");
    let (service, other) =
        ("urn:example:sorgeregister:dienst:1.0", "http://osci.de/xmeld33/xmeld33freieSuche.wsdl");
    fs::write(&named, with_envelope(&octets, service, other)).unwrap();
    let (code, out) = inspect(&named, &["--json"]);
    assert!(code == 0 && out.contains("\"protocol\": \"xta\""), "{out}");
    let bare = seen("zeep-requests-core/deliverMessage.request.xml", 0);
    assert_eq!((&bare["module"], &bare["operation"]), (&json!("core 3.1.1"), &json!("deliverMessage")));
    assert_eq!(bare["identities"][0]["role"], "account");
    assert_eq!(bare["action"], "https://xoev.de/transport/xta/core/core.reader/deliverMessage");
    let munich = seen("munich-shape.sendMessage.xml", 0);
    assert_eq!(munich["deviations"].as_array().unwrap().len(), 3);
    // A multipart whose head is lost, and one that was recorded with its chunks.
    let octets = fs::read(folder().join("jaxws-ri-client/016-SendMessage.request.http")).unwrap();
    let start = octets.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = &octets[start..];
    let headless = place.path().join("headless.bin");
    fs::write(&headless, body).unwrap();
    let chunked = place.path().join("chunked.bin");
    let chunks = body
        .chunks(1000)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    let chunks: Vec<u8> = chunks.chain(*b"0\r\n\r\n").collect();
    fs::write(&chunked, [&octets[..start], &chunks].concat()).unwrap();
    for file in [headless, chunked] {
        let (code, out) = inspect(&file, &["--json"]);
        let seen: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (code, &seen["operation"], &seen["parts"][1]["size"]),
            (0, &json!("sendMessage"), &json!(3000)),
            "{out}"
        );
    }
}

#[test]
fn what_cannot_be_read_ends_with_one_and_the_fault_that_would_answer_it() {
    let place = tempfile::tempdir().unwrap();
    let octets = fs::read(folder().join("zeep-client-wire/051-SendMessage.request.http")).unwrap();
    let text = String::from_utf8(octets).unwrap();
    let file = place.path().join("changed.http");
    for (from, to, class, code) in [
        ("XTA/SendMessage", "XTA/Other", "Sender", Value::Null),
        ("<ns0:Originators>", "<ns0:Fremd/><ns0:Originators>", "Receiver", json!("9022")),
        ("</soap-env:Envelope>", "", "Sender", Value::Null),
    ] {
        fs::write(&file, text.replace(from, to)).unwrap();
        let (ended, out) = inspect(&file, &["--json"]);
        let seen: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (ended, &seen["fault"]["class"], &seen["fault"]["code"]),
            (1, &json!(class), &code),
            "{out}"
        );
        assert_eq!(seen["readable"], false);
    }
    let (_, out) = inspect(&folder().join("munich-shape.sendMessage.xml"), &[]);
    assert!(out.contains("XTA 2.1.1 sendMessage request: readable"), "{out}");
    assert!(
        out.contains("qualifier without its business scenario") && out.contains("DE.ABC.9999.888"),
        "{out}"
    );
    // What a stranger names must not reach the terminal as it is.
    fs::write(&file, text.replace("XTA/SendMessage", "XTA/\u{9b}31mSendMessage")).unwrap();
    let (_, out) = inspect(&file, &[]);
    assert!(out.contains("31mSendMessage") && !out.contains('\u{9b}'), "{out}");
    // A document of a standard is none of XTA.
    let (_, out) = inspect(Path::new("tests/wire/xta/../osci12/verify-result.txt"), &["--json"]);
    assert!(!out.contains("\"xta\""));
}
