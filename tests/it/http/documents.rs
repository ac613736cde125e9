//! Documents that are meant ill or went wrong, as data, given to the real program: each is answered in the form it came in,
//! nothing is parked, nothing is taken, and the program stays what it was.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Receiver, Seeded, StageDir, TOKEN, root, up};

/// Whether a document of the long profile is played.
fn chosen<T>(all: Vec<T>, seed: u64, few: usize) -> Vec<T> {
    if crate::fault::said::long() {
        return all;
    }
    let (mut seed, mut all, mut some) = (Seeded(seed), all, Vec::new());
    while some.len() < few && !all.is_empty() {
        let at = seed.below(all.len() as u64) as usize;
        some.push(all.swap_remove(at));
    }
    some
}

async fn send(stage: &StageDir, content_type: &str, body: Vec<u8>) -> (u16, String, String, String) {
    let post =
        reqwest::Client::new().post(format!("http://{}/v1/lieferungen", stage.http)).bearer_auth(TOKEN);
    let answer = post.header("content-type", content_type).body(body).send().await.expect("an answer");
    let said = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (status, kind, stand) = (answer.status().as_u16(), said("content-type"), said("stand"));
    (status, kind, stand, answer.text().await.expect("its body"))
}

fn sample(path: &str) -> String {
    std::fs::read_to_string(root().join("xsd").join(path)).expect("a sample")
}

/// How many messages of the inbox are in a state.
fn inbox(stage: &StageDir, state: &str) -> usize {
    let out = stage.command(&["messages", "list", "--state", state, "--json"]).output().expect("messages");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let listed: Value = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
    match &listed {
        Value::Array(all) => all.len(),
        Value::Object(map) => map.values().find_map(Value::as_array).map_or(0, Vec::len),
        _ => panic!("{}", String::from_utf8_lossy(&out.stdout)),
    }
}

/// JSON documents none of which may be taken.
fn json_documents() -> Vec<Vec<u8>> {
    let good = sample("drehscheibe-json/1/samples/antrag.json");
    assert!(good.contains("\"test\": true"), "the sample says that it is a test");
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut put = |text: String| all.push(text.into_bytes());
    for test in [
        "\"test\": false",
        "\"test\": null",
        "\"test\": 0",
        "\"test\": \"false\"",
        "\"tEst\": true",
        "\"test\": []",
        "\"test\": {}",
        "\"test\": [true, true]",
        "\"test\": true, \"test\": true",
        "\"test\": true, \"t\\u0065st\": false",
    ] {
        put(good.replace("\"test\": true", test));
    }
    for version in [
        "\"version\": \"2\"",
        "\"version\": 1.0",
        "\"version\": null",
        "\"version\": [\"1\"]",
        "\"version\": {}",
        "\"ver\": \"1\"",
    ] {
        put(good.replace("\"version\": \"1\"", version));
    }
    for nachricht in ["\"a b\"", "null", "\"\"", "1", "\"unbekannt\"", "[\"antrag\"]", "\"xmlns:a\""] {
        put(good.replace("\"nachricht\": \"antrag\"", &format!("\"nachricht\": {nachricht}")));
    }
    for whole in [
        "{",
        "{}",
        "[]",
        "[{}]",
        "{\"a\":[[1]]}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":'b'}",
        "{\"a\":1,}",
        "{/*a*/}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"<\":1}",
        "{\"a\":1}{\"a\":1}",
        "{\"a\":tru",
        "{\"\":{}}",
    ] {
        put(whole.to_owned());
    }
    put(format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)));
    put(format!("{{\"a\":[{}1]}}", "1,".repeat(300_000)));
    put(format!("{{\"a\":{}}}", "9".repeat(100_000)));
    put(format!("{{\"{}\":1}}", "a".repeat(100_000)));
    all.push(b"{\"a\":\"\xff\"}".to_vec());
    all.push(b"\xff\xfe{\0}\0".to_vec());
    all.push([b"\xef\xbb\xbf\xef\xbb\xbf".as_slice(), good.as_bytes()].concat());
    let mut seed = Seeded(0x150);
    for _ in 0..8 {
        let at = seed.below(good.len() as u64 - 10) as usize + 1;
        all.push(good.as_bytes()[..at].to_vec());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_answered_with_json_and_never_parked() {
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    let stage = StageDir::new([one.address, other.address]);
    let mut running = up(&stage).await;
    let documents = json_documents();
    assert!(documents.len() >= 43, "{}", documents.len());
    // The four of the fault itself always, of the others some.
    let (first, rest) = documents.split_at(4);
    for (at, body) in first.iter().cloned().chain(chosen(rest.to_vec(), 7, 12)).enumerate() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let (status, kind, stand, text) = send(&stage, "application/json", body).await;
        assert!([400, 422].contains(&status), "{at} {shown}: {status} {text}");
        assert_eq!(kind, "application/json", "{at} {shown}: {text}");
        assert_eq!(stand, "abgeschlossen", "{at} {shown}");
        let told: Value = serde_json::from_str(&text).expect("json");
        assert_eq!(told["nachricht"], "rueckweisung", "{at} {shown}");
        // Said not to be a test, or not said; and what is no truth at all.
        if let Some(code) = ["S999", "S999", "X000", "X000"].get(at) {
            assert_eq!(told["gruende"][0]["code"], *code, "{at} {shown}: {text}");
        }
    }
    for state in ["parked", "quarantined", "accepted"] {
        assert_eq!(inbox(&stage, state), 0, "{state}");
    }
    assert!(inbox(&stage, "rejected") >= 4);
    assert!(running.terminate(), "{}", stage.log());
}

/// XML documents none of which may be taken.
fn xml_documents() -> Vec<Vec<u8>> {
    let good = sample("xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml");
    let declaration = good.find("?>").map_or(0, |at| at + 2);
    let (head, rest) = good.split_at(declaration);
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut put = |text: String| all.push(text.into_bytes());
    for doctype in [
        "<!DOCTYPE a>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE a PUBLIC \"x\" \"http://localhost/\">",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://localhost/\"> %p;]>",
        "<!doctype a>",
        "<!DOCTYPE a [<!ATTLIST a b CDATA \"c\">]>",
    ] {
        put(format!("{head}{doctype}{rest}"));
        put(format!("{doctype}{good}"));
    }
    let bomb: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    put(format!("<!DOCTYPE a [<!ENTITY l0 \"lol\">{bomb}]><a test=\"true\">&l9;</a>"));
    for entity in
        ["&b;", "&#0;", "&#x1F;", "&#xD800;", "&#x110000;", "&amp", "&;", "& ", "&#;", "&#x;", "&lt"]
    {
        put(rest.replacen("</", &format!("{entity}</"), 1));
        put(format!("<a test=\"{entity}\"/>"));
    }
    for whole in [
        "",
        " ",
        "<",
        "<a",
        "<a/",
        "<a>",
        "</a>",
        "<a></b>",
        "<a/><a/>",
        "<a/>x",
        "x<a/>",
        "<a b=1/>",
        "<a b='1' b='2'/>",
        "<a xmlns:b='' b:c='1'/>",
        "<b:a/>",
        "<a:b:c xmlns:a='x'/>",
        "<1/>",
        "<a><![CDATA[x</a>",
        "<a><!-- -- --></a>",
        "<?xml version='1.0'?><?xml version='1.0'?><a/>",
        "<?xml version='2.0'?><a/>",
        "<?xml version='1.0' encoding='UTF-16'?><a/>",
        "<?xml version='1.0' encoding='x-user'?><a/>",
        "<?xml encoding='UTF-8'?><a/>",
        "<a>]]></a>",
        "<a xml:space='x' xmlns:xml='y'/>",
        "<a xmlns:xmlns='x'/>",
        "<!-- <a/> -->",
        "<?php ?>",
        "\u{feff}\u{feff}<a/>",
        "<a\u{0}/>",
    ] {
        put(whole.to_owned());
    }
    put(format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000)));
    put(format!("<a {}/>", (0..20_000).map(|n| format!("b{n}='' ")).collect::<String>()));
    put(format!("<{0}/>", "a".repeat(200_000)));
    put(format!("<a>{}</a>", "<b/>".repeat(400_000)));
    put(format!("<a b='{}' test='true'/>", "x".repeat(3_000_000)));
    put(format!("<a {}/>", (0..5_000).map(|n| format!("xmlns:b{n}='u' ")).collect::<String>()));
    put(rest.replace("test=\"true\"", "test=\"false\""));
    put(rest.replace("test=\"true\"", ""));
    put(rest.replace("test=\"true\"", "Test=\"true\""));
    put(rest.replace("version=\"1.3.0\"", "version=\"99\""));
    all.push(good.bytes().flat_map(|octet| [octet, 0]).collect());
    all.push(good.bytes().flat_map(|octet| [0, octet]).collect());
    all.push(
        [b"\xff\xfe".as_slice(), &good.bytes().flat_map(|octet| [octet, 0]).collect::<Vec<u8>>()].concat(),
    );
    all.push(b"<a>\xc3\x28</a>".to_vec());
    all.push(b"<a>\xed\xa0\x80</a>".to_vec());
    all.push(b"<a>\xc0\xbc</a>".to_vec());
    let mut seed = Seeded(0x1a1);
    for _ in 0..10 {
        let at = seed.below(good.len() as u64 - 10) as usize + 1;
        all.push(good.as_bytes()[..at].to_vec());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xml_that_is_meant_ill_is_refused_as_xml() {
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    let stage = StageDir::new([one.address, other.address]);
    let mut running = up(&stage).await;
    let documents = xml_documents();
    assert!(documents.len() >= 85, "{}", documents.len());
    for (at, body) in chosen(documents, 11, 20).into_iter().enumerate() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let (status, kind, _, text) = send(&stage, "application/xml", body).await;
        assert!([400, 413, 422].contains(&status), "{at} {shown}: {status} {text}");
        assert!(
            ["application/xml", "application/problem+json"].contains(&kind.as_str()),
            "{at} {shown}: {kind}"
        );
        assert!(!text.contains("root:"), "a file came back");
    }
    for state in ["parked", "quarantined", "accepted"] {
        assert_eq!(inbox(&stage, state), 0, "{state}");
    }
    assert!(running.terminate(), "{}", stage.log());
}

/// The files that lie below a folder of this name, at any depth.
fn files(dir: &std::path::Path, name: &str) -> BTreeSet<std::path::PathBuf> {
    let Ok(read) = std::fs::read_dir(dir) else { return BTreeSet::new() };
    let here = dir.iter().any(|part| part == name);
    read.filter_map(Result::ok)
        .flat_map(|found| match found.file_type() {
            Ok(kind) if kind.is_dir() => files(&found.path(), name),
            _ if here => BTreeSet::from([found.path()]),
            _ => BTreeSet::new(),
        })
        .collect()
}

/// Waits until no file lies there that did not before: what was let go is removed beside the answer, not before it.
async fn leaves_none(dir: &std::path::Path, before: &BTreeSet<std::path::PathBuf>) -> bool {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if files(dir, "claims").is_subset(before) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Multipart bodies none of which may be taken: their type and octets.
fn multiparts() -> Vec<(String, String)> {
    let good = "--x\r\nContent-Disposition: form-data; name=\"document\"\r\nContent-Type: application/xml\r\n\r\n<a/>\r\n--x--\r\n";
    let plain = "multipart/form-data; boundary=x".to_owned();
    let mut all: Vec<(String, String)> = Vec::new();
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=y",
        "multipart/form-data; boundary=x; boundary=y",
        "multipart/",
        "multipart/alternative; boundary=x",
        "multipart/mixed; boundary=\"x",
        "multipart/mixed; bound=x",
    ] {
        all.push((kind.to_owned(), good.to_owned()));
    }
    all.push((format!("multipart/form-data; boundary={}", "x".repeat(200)), good.to_owned()));
    for body in [
        "",
        "--x",
        "--x--",
        "--x--\r\n",
        "--x\r\n\r\n",
        "x",
        "--x\r\nA: b\r\n\r\n--x--",
        "--x\r\n\r\n\r\n--x--\r\n",
        "\r\n--x\r\n",
    ] {
        all.push((plain.clone(), body.to_owned()));
    }
    for (from, to) in [
        ("\r\n--x--\r\n", ""),
        ("\r\n--x--", "\r\n--x-"),
        ("name=\"document\"", "name=\"document\"; name=\"b\""),
        ("Content-Type: application/xml", "Content-Type: text/plain"),
        ("Content-Type: application/xml", "Content-Transfer-Encoding: base64"),
        ("Content-Type: application/xml", "Content-Transfer-Encoding: 9bit"),
        ("Content-Type: application/xml", "Content-Type: multipart/mixed; boundary=y"),
        ("Content-Disposition", "Content Disposition"),
        (": form-data", ""),
        ("\r\n\r\n", "\r\n"),
    ] {
        all.push((plain.clone(), good.replacen(from, to, 1)));
    }
    let part = good.trim_end_matches("--x--\r\n");
    all.push((plain.clone(), format!("{part}{good}")));
    all.push((
        plain.clone(),
        format!("{}--x--\r\n", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n".repeat(70)),
    ));
    all.push((plain.clone(), good.replace("<a/>", &" ".repeat(9 << 20))));
    all.push((
        plain.clone(),
        good.replace("Content-Type", &format!("X: {}\r\nContent-Type", "y".repeat(100_000))),
    ));
    all.push((
        plain.clone(),
        good.replace("Content-Type", &format!("{}Content-Type", "X: y\r\n".repeat(500))),
    ));
    all.push((plain.clone(), format!("{}{good}", "preamble ".repeat(300_000))));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multipart_that_went_wrong_is_refused_and_leaves_no_part_behind() {
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    let stage = StageDir::new([one.address, other.address]);
    let mut running = up(&stage).await;
    let bodies = multiparts();
    assert!(bodies.len() >= 35, "{}", bodies.len());
    // Before what went wrong there is a part that was whole.
    let before = "--x\r\nContent-Disposition: form-data; name=\"anlage\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-geheim\r\n";
    for (at, (kind, body)) in chosen(bodies, 13, 12).into_iter().enumerate() {
        let shown: String = body.chars().take(60).collect();
        for body in [body.clone(), format!("{before}{body}")] {
            let store = stage.data().join("store");
            let whole = files(&store, "claims");
            let (status, _, _, text) = send(&stage, &kind, body.into_bytes()).await;
            assert!([400, 413, 415, 422].contains(&status), "{at} {kind} {shown:?}: {status} {text}");
            // What was never a delivery has no parts; of one that was refused they go with its other garbage.
            if status != 422 {
                assert!(leaves_none(&store, &whole).await, "{at} {kind} {shown:?}");
            }
        }
    }
    for state in ["parked", "quarantined", "accepted"] {
        assert_eq!(inbox(&stage, state), 0, "{state}");
    }
    assert!(running.terminate(), "{}", stage.log());
}
