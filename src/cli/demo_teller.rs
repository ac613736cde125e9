//! Who hands things in and says in one line what became of each, with the place to look.
//! Reads answers as a partner would; says nothing of a person.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::app::house::House;
use crate::cli::demo_outcome::{Due, Story};
use crate::cli::demo_stage::DemoStage;
use crate::cli::exit::CliError;
use crate::cli::output::Output;
use crate::clock::{Clock, Tick};
use crate::store::orders::{Command, CommandState, Order};
use crate::store::stamp::Scope;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// The boundary of a multipart request.
const BOUNDARY: &str = "grenze-der-vorstellung";

/// Something to hand in by HTTP.
pub struct Post<'a> {
    /// In words.
    pub what: &'a str,
    /// Path of the route.
    pub path: &'a str,
    /// Who hands it in.
    pub partner: &'a str,
    /// The sender's key of the delivery.
    pub key: String,
    /// Media type.
    pub content_type: &'a str,
    /// The octets.
    pub body: Vec<u8>,
    /// Callbacks that follow when it is accepted.
    pub callbacks: u64,
}

/// Delivers and narrates.
pub struct Teller<'a> {
    /// Where lines go.
    pub out: &'a mut Output,
    /// The stage.
    pub stage: &'a DemoStage,
    /// The running house.
    pub house: &'a House,
    /// Its time.
    pub clock: Clock,
    /// What was counted so far.
    pub story: Story,
    /// What must arrive.
    pub due: Due,
    client: reqwest::Client,
    line: u32,
    messages: u64,
}

impl<'a> Teller<'a> {
    /// One that has told nothing yet.
    pub fn new(out: &'a mut Output, stage: &'a DemoStage, house: &'a House, clock: Clock) -> Teller<'a> {
        let (story, due) = (Story::default(), Due::default());
        Teller { out, stage, house, clock, story, due, client: reqwest::Client::new(), line: 0, messages: 0 }
    }

    /// Says one line; nothing where a program reads along.
    pub fn say(&mut self, text: &str) -> Result<(), CliError> {
        self.line += 1;
        if !self.out.is_json() {
            self.out.say(&format!("{:>2} {text}", self.line))?;
        }
        Ok(())
    }

    /// Says what the next lines are about.
    pub fn chapter(&mut self, text: &str) -> Result<(), CliError> {
        if !self.out.is_json() {
            self.out.lines(&format!("\n   {text}"))?;
        }
        Ok(())
    }

    /// Hands something in by HTTP and says what the answer was; `true` when it was accepted now.
    pub async fn post(&mut self, post: Post<'_>) -> Result<bool, CliError> {
        let sent = self
            .client
            .post(format!("http://{}{}", self.stage.http, post.path))
            .bearer_auth(self.stage.token(post.partner))
            .header("content-type", post.content_type)
            .header("idempotency-key", &post.key)
            .body(post.body)
            .send()
            .await;
        let Ok(answer) = sent else {
            self.say(&format!("HTTP: {}: no answer", post.what))?;
            return Ok(false);
        };
        let status = answer.status();
        let place = header(&answer, "location");
        let again = answer.headers().contains_key("idempotent-replayed");
        let body = answer.text().await.unwrap_or_default();
        let codes = codes(&body);
        if !again {
            for code in &codes {
                *self.story.rejected.entry(code.clone()).or_default() += 1;
            }
        }
        let document = match (codes.is_empty(), body.contains("quittung")) {
            (false, _) => format!("Rückweisung with {}", codes.join(", ")),
            (true, true) => "Quittung".to_owned(),
            (true, false) => "no document".to_owned(),
        };
        let repeat = if again { ", as the first time" } else { "" };
        self.say(&format!("HTTP: {} → {} {document}{repeat}; {place}", post.what, status.as_u16()))?;
        let accepted = status.is_success() && codes.is_empty() && !again;
        if accepted {
            self.due.callbacks += post.callbacks;
        }
        Ok(accepted)
    }

    /// The same without a credential.
    pub async fn stranger(&mut self, path: &str, document: String) -> Result<(), CliError> {
        let sent = self
            .client
            .post(format!("http://{}{path}", self.stage.http))
            .header("content-type", "application/xml")
            .body(document)
            .send()
            .await;
        let status = sent.map(|answer| answer.status().as_u16()).unwrap_or_default();
        self.say(&format!("HTTP: somebody without a credential → {status}, nothing of the content is kept"))
    }

    /// Lays a document into a partner's tray; `true` when it was answered by a Quittung in the out tray and is no repeat.
    pub async fn put(&mut self, what: &str, partner: &str, document: String) -> Result<bool, CliError> {
        let (inward, outward) = (format!("{partner}/in"), format!("{partner}/out"));
        let before = self.stage.documents(&outward, "quittung.0011");
        let repeats = self.repeats().await?;
        let tray = self.stage.tray(&inward);
        let name = format!("{}.xml", Uuid::new_v4());
        let hidden = tray.join(format!(".{name}.tmp"));
        if std::fs::write(&hidden, document)
            .and_then(|()| std::fs::rename(&hidden, tray.join(&name)))
            .is_err()
        {
            self.say(&format!("folder: {what}: the tray cannot be written"))?;
            return Ok(false);
        }
        let began = Tick::now();
        while began.elapsed() < PATIENCE && tray.join(&name).exists() {
            tokio::time::sleep(LOOK).await;
        }
        // Whether a repeat is answered once more depends on where the first one was answered.
        let taken = Tick::now();
        let (receipted, again) = loop {
            let receipted = self.stage.documents(&outward, "quittung.0011") > before;
            let again = self.repeats().await? > repeats;
            let patience = if again { Duration::from_secs(2) } else { PATIENCE };
            if receipted || taken.elapsed() > patience {
                break (receipted, again);
            }
            tokio::time::sleep(LOOK).await;
        };
        let answer = match (receipted, again) {
            (true, false) => "Quittung in",
            (true, true) => "Quittung, as the first time, in",
            (false, _) => "taken, nothing new in",
        };
        self.say(&format!("folder: {what} → {answer} trays/{outward}"))?;
        Ok(receipted && !again)
    }

    /// How many messages were answered with the verdict of an earlier one.
    async fn repeats(&self) -> Result<u64, CliError> {
        Ok(self.house.shared.core.store.figures(&Scope::Operator).await?.repeats)
    }

    /// Waits until so many documents with this text lie in a tray, bounded, and says it.
    pub async fn arrives(
        &mut self,
        what: &str,
        tray: &str,
        containing: &str,
        count: u64,
    ) -> Result<bool, CliError> {
        let began = Tick::now();
        while began.elapsed() < PATIENCE && self.stage.documents(tray, containing) < count {
            tokio::time::sleep(LOOK).await;
        }
        let there = self.stage.documents(tray, containing) >= count;
        let word = if there { "lies in" } else { "did not arrive in" };
        self.say(&format!("{what} {word} trays/{tray}"))?;
        Ok(there)
    }

    /// A person orders something about a register; the running house takes it as a message.
    pub async fn order(&mut self, what: &str, person: &str, document: String) -> Result<bool, CliError> {
        let (id, store) = (Uuid::now_v7(), &self.house.shared.core.store);
        let command = Command {
            id,
            order: Order::Deliver {
                binding: "person register".to_owned(),
                partner: "jugendamt-bremen".to_owned(),
                document,
            },
            person: person.to_owned(),
            reason: "demonstration".to_owned(),
            at: self.clock.now(),
        };
        store.post_command(command).await?;
        let began = Tick::now();
        let ended = loop {
            match store.command_state(id).await? {
                Some(CommandState::Done(text)) => break (true, text),
                Some(CommandState::Refused(text)) => break (false, format!("refused: {text}")),
                _ if began.elapsed() > PATIENCE => break (false, "nobody took it".to_owned()),
                _ => tokio::time::sleep(LOOK).await,
            }
        };
        self.say(&format!("command of {person}: {what} → {}", ended.1))?;
        Ok(ended.0)
    }

    /// A number that no message of the story had yet.
    pub fn fresh(&mut self) -> u64 {
        self.messages += 1;
        self.messages
    }

    /// Now, as documents of the story say it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A document and the login beside it as one body, with its media type.
pub fn with_login(document: &str, login: &str) -> (String, Vec<u8>) {
    let part = |name: &str, media_type: &str, text: &str| {
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n{text}\r\n"
        )
    };
    let body = format!(
        "{}{}--{BOUNDARY}--\r\n",
        part("document", "application/xml", document),
        part("anmeldung", "application/json", login)
    );
    (format!("multipart/form-data; boundary={BOUNDARY}"), body.into_bytes())
}

fn header(answer: &reqwest::Response, name: &str) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned()
}

/// The codes of a Rückweisung, read as a partner would.
fn codes(body: &str) -> Vec<String> {
    if let Ok(value) = serde_json::from_str::<Value>(body) {
        let reasons = value["gruende"].as_array().cloned().unwrap_or_default();
        return reasons.iter().filter_map(|reason| reason["code"].as_str().map(str::to_owned)).collect();
    }
    if !body.contains("rueckweisung.0001") {
        return Vec::new();
    }
    let mut codes: Vec<String> = body
        .split("<code>")
        .skip(1)
        .filter_map(|rest| rest.split('<').next())
        .filter(|code| {
            code.len() == 4
                && code.starts_with(['S', 'T', 'V', 'X'])
                && code[1..].bytes().all(|b| b.is_ascii_digit())
        })
        .map(str::to_owned)
        .collect();
    codes.dedup();
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_from_both_kinds_of_rueckweisung() {
        let xml =
            "<x:rueckweisung.0001><code>0001</code><code>X001</code><code>X001</code></x:rueckweisung.0001>";
        assert_eq!(codes(xml), ["X001"]);
        assert_eq!(
            codes(r#"{"nachricht":"rueckweisung","gruende":[{"code":"S100","hinweise":[]}]}"#),
            ["S100"]
        );
        assert!(codes("<quittung.0011><code>S001</code></quittung.0011>").is_empty());
    }
}
