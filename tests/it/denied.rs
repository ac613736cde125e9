//! Who is not admitted, as an operator finds it: who it was, where the login says so, why, and a step that helps. The sender learns none of it.

use std::fs;

use drehscheibe::cli::sample::{Wish, eintragung};
use serde_json::Value;

use crate::support::{Receiver, StageDir, TOKEN, cli, edit, until, up};

const PORTAL: &str = "token-des-portals-erfunden-0123456789";
const OVER: &str = "token-eines-partners-von-gestern-0123";

async fn post(stage: &StageDir, token: Option<&str>, scheme: &str) -> (u16, String) {
    let mut request = reqwest::Client::new()
        .post(format!("http://{}/v1/lieferungen", stage.http))
        .header("content-type", "application/xml")
        .body(eintragung(&Wish::plain(1)));
    if let Some(token) = token {
        request = request.header("authorization", format!("{scheme} {token}"));
    }
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("its body"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_delivery_says_who_and_why_with_a_step_of_its_own() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    for (file, token) in [("portal", PORTAL), ("gestern", OVER)] {
        fs::write(stage.stage().join("secrets").join(file), token).expect("a secret");
    }
    let file = stage.stage().join("partners.yaml");
    edit(
        &file,
        "    name: Kita-Portal Nord\n",
        "    name: Kita-Portal Nord\n    credentials: [{ bearer: { file: secrets/portal } }]\n",
    );
    edit(
        &file,
        "  kita-portal-nord:\n",
        "  jugendamt-gestern:\n    name: Amt von gestern\n    credentials: [{ bearer: { file: secrets/gestern } }]\n    valid: { to: 2025-12-31 }\n  kita-portal-nord:\n",
    );
    let mut running = up(&stage).await;
    // What is shown, the answer, the reason, whom it names, what it says, what the step is about and what it is not.
    let cases = [
        (
            None,
            "Bearer",
            401,
            "nicht-ausgewiesen",
            "",
            "no token and no certificate was shown",
            "credentials",
        ),
        (
            Some("niemandes-token-0123456789"),
            "Bearer",
            401,
            "nicht-ausgewiesen",
            "",
            "the token is nobody's",
            "credentials",
        ),
        (Some(TOKEN), "Basic", 401, "nicht-ausgewiesen", "", "is no bearer token", "credentials"),
        (Some(OVER), "Bearer", 401, "partner-zeit", "jugendamt-gestern", "the time of that partner", "valid"),
        (
            Some(PORTAL),
            "Bearer",
            403,
            "eingang-fremd",
            "kita-portal-nord",
            "no route takes anything from it",
            "accept",
        ),
    ];
    for (token, scheme, status, reason, partner, said, step) in cases {
        let (code, answer) = post(&stage, token, scheme).await;
        assert_eq!(code, status, "{reason}: {answer}");
        assert!(!answer.contains(reason) && !answer.contains(said), "the sender learns nothing: {answer}");
        let (_, list) = cli(&stage, &["messages", "list", "--state", "denied", "--limit", "1", "--json"]);
        let list: Value = serde_json::from_str(&list).expect("a list");
        let one = &list[0];
        assert_eq!(one["partner"], partner, "{reason}: {one}");
        let cause = one["cause"].as_str().expect("a cause");
        assert!(cause.starts_with(&format!("{reason}: ")) && cause.contains(said), "{cause}");
        let next = one["next_step"].as_str().expect("a step");
        assert!(next.contains(step), "{reason}: {next}");
        assert!(reason == "nicht-ausgewiesen" || !next.contains("credential"), "{next}");
        let id = one["id"].as_str().expect("an id");
        let (_, shown) = cli(&stage, &["messages", "show", id]);
        assert!(shown.contains(said) && shown.contains(&format!("drehscheibe explain {reason}")), "{shown}");
        let (_, table) = cli(&stage, &["messages", "list", "--state", "denied"]);
        assert!(table.lines().any(|line| line.contains(id) && line.contains(reason)), "{table}");
        let (code, found) = cli(&stage, &["messages", "find", "--code", reason]);
        assert!(code == 0 && found.contains(id), "{found}");
        if !partner.is_empty() {
            let (code, found) = cli(&stage, &["messages", "find", "--partner", partner]);
            assert!(code == 0 && found.contains(id), "{found}");
        }
        assert!(stage.log().contains(id), "the log names it");
    }
    until("the log says who it was", 30, || {
        let log = stage.log();
        log.lines().any(|line| line.contains("denied") && line.contains("jugendamt-gestern"))
    })
    .await;
    assert!(!stage.log().contains(OVER) && !stage.log().contains(PORTAL), "no token stands in the log");
    // It is nobody's effect, and whoever is admitted is served.
    let (_, figures) = cli(&stage, &["status", "--json"]);
    let figures: Value = serde_json::from_str(&figures).expect("figures");
    assert_eq!(figures["figures"]["mirror"], 0);
    assert_eq!(post(&stage, Some(TOKEN), "Bearer").await.0, 200);
    assert!(running.terminate(), "{}", stage.log());
}
