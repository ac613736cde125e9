//! As whom the house is known there: a token of OAuth 2, obtained by its technical user or by what a consent gave. What is exchanged with each use is
//! kept in the store before it is relied on, and of several processes the one that comes late takes what the other has kept.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::link::{Link, with_form};
use super::settings::Settings;
use super::trouble::Trouble;
use crate::transport::ids::sha256_hex;
use crate::transport::port::Notes;

/// The key of the note that keeps what is exchanged.
const NOTE: &str = "refresh-token";
/// A token is not used in its last seconds.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// Longest token that is kept, octets.
const LONGEST: usize = 16 * 1024;

/// A note as it was read; none where nothing was kept yet.
type Note = Option<Vec<u8>>;

enum Way {
    /// A technical user.
    User { name: String, password: SecretString },
    /// What a consent gave.
    Consent { first: SecretString },
}

/// How the house gets tokens.
pub struct Login {
    connection: String,
    client: (String, SecretString),
    way: Way,
    notes: Arc<dyn Notes>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<(SecretString, Timestamp)>,
    /// What was exchanged and is not kept in the store yet, with the note in whose place it belongs.
    unkept: Option<(Note, SecretString)>,
}

/// What is kept: of which consent it comes, so that a new one takes its place.
#[derive(Serialize, Deserialize)]
struct Kept {
    of: String,
    token: String,
}

/// What a far end gives for a login.
struct Given {
    token: SecretString,
    until: Timestamp,
    refresh: Option<SecretString>,
}

impl Login {
    /// That of a connection. `None`: nothing is written by which the house is known there.
    pub fn of(connection: &str, settings: &Settings, notes: Arc<dyn Notes>) -> Option<Login> {
        let way = match (&settings.user, &settings.refresh_token) {
            (Some(user), _) => Way::User { name: user.name.clone(), password: user.password.0.clone() },
            (None, Some(first)) => Way::Consent { first: first.0.clone() },
            (None, None) => return None,
        };
        let client = (settings.client.id.clone(), settings.client.secret.0.clone());
        Some(Login { connection: connection.to_owned(), client, way, notes, held: Mutex::default() })
    }

    /// A token that holds; another one than `spent`, which was refused.
    pub async fn token(&self, link: &Link, spent: Option<&SecretString>) -> Result<SecretString, Trouble> {
        let mut held = self.held.lock().await;
        if let Some((token, until)) = &held.token {
            let refused = spent.is_some_and(|spent| spent.expose_secret() == token.expose_secret());
            if *until > link.now() && !refused {
                return Ok(token.clone());
            }
        }
        held.token = None;
        let given = match &self.way {
            Way::User { name, password } => {
                let pairs = [
                    ("grant_type", "password"),
                    ("username", name.as_str()),
                    ("password", password.expose_secret()),
                ];
                self.ask(link, &pairs).await.map_err(refused)?
            }
            Way::Consent { first } => self.exchanged(link, first, &mut held).await?,
        };
        held.token = Some((given.token.clone(), given.until));
        Ok(given.token)
    }

    /// Exchanges what a consent gave, or what came of it.
    async fn exchanged(&self, link: &Link, first: &SecretString, held: &mut Held) -> Result<Given, Trouble> {
        let of = sha256_hex(first.expose_secret().as_bytes());
        if let Some(unkept) = held.unkept.take() {
            self.keep(&of, unkept, held).await?;
        }
        let mut tried: Option<SecretString> = None;
        loop {
            let note = self.note().await?;
            let known = kept(note.as_deref(), &of).unwrap_or_else(|| first.clone());
            if tried.as_ref().is_some_and(|tried| tried.expose_secret() == known.expose_secret()) {
                return Err(Trouble::Login(
                    "the consent that was given for the house is used up or withdrawn; have it given anew, and write `refresh-token`",
                ));
            }
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", known.expose_secret())];
            match self.ask(link, &pairs).await {
                Ok(mut given) => {
                    if let Some(next) = given.refresh.take() {
                        self.keep(&of, (note, next), held).await?;
                    }
                    return Ok(given);
                }
                // Another process may have exchanged it in this moment.
                Err(Trouble::Status { status: 400 | 401, .. }) => tried = Some(known),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    async fn note(&self) -> Result<Note, Trouble> {
        self.notes.note(&self.connection, NOTE).await.map_err(|_| Trouble::Ours)
    }

    /// Keeps what was exchanged in the place of what it came of; the one before is worth nothing any more, so it is not let go until that is
    /// done. Where another process has kept something since, that counts: its exchange came later or is as good.
    async fn keep(
        &self,
        of: &str,
        (before, token): (Note, SecretString),
        held: &mut Held,
    ) -> Result<(), Trouble> {
        let kept = Kept { of: of.to_owned(), token: token.expose_secret().to_owned() };
        let note = serde_json::to_vec(&kept).map_err(|_| Trouble::Ours)?;
        match self.notes.swap_note(&self.connection, NOTE, before.clone(), note).await {
            Ok(_) => Ok(()),
            Err(_) => {
                held.unkept = Some((before, token));
                Err(Trouble::Ours)
            }
        }
    }

    async fn ask(&self, link: &Link, pairs: &[(&str, &str)]) -> Result<Given, Trouble> {
        let url = link.at(["oauth", "token"]);
        let (id, secret) = &self.client;
        let reply = link.exchange(|client| {
            let request = client.request(Method::POST, url.clone());
            with_form(request.basic_auth(id, Some(secret.expose_secret())), pairs)
        });
        given(reply.await?.json.unwrap_or_default(), link.now())
    }
}

/// What a note holds of this consent.
fn kept(note: Option<&[u8]>, of: &str) -> Option<SecretString> {
    let kept = serde_json::from_slice::<Kept>(note?).ok()?;
    (kept.of == of).then(|| kept.token.into())
}

fn refused(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Status { status: 400 | 401 | 403, .. } => {
            Trouble::Login("it does not take the login of the house; correct `user` and `client`")
        }
        other => other,
    }
}

fn given(answer: Value, now: Timestamp) -> Result<Given, Trouble> {
    let odd = Trouble::Odd("its answer to a login holds no token");
    let text = |key: &str| {
        let text = answer.get(key).and_then(Value::as_str)?;
        let usable =
            !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|octet| octet.is_ascii_graphic());
        usable.then(|| SecretString::from(text))
    };
    let seconds = answer.get("expires_in").and_then(Value::as_i64).unwrap_or(0).clamp(0, 86_400);
    let until = now.checked_add(SignedDuration::from_secs(seconds)).ok();
    let until = until.and_then(|until| until.checked_sub(MARGIN).ok()).ok_or_else(|| odd.clone())?;
    Ok(Given { token: text("access_token").ok_or(odd)?, until, refresh: text("refresh_token") })
}
