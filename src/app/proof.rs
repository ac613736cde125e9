//! By what a command knows that who answers it is the running process of its own stage and store, and of no other one on that address.
//!
//! Who asks sends a number that was never used before; the answer carries tags (HMAC) over that number and all it says. One is under a
//! secret of the store, which each start makes anew and which lies there sealed, and under the lock by which the process runs, which no copy of
//! the store has: so a copy of a stage that runs is another house. The
//! other is under the stage's key alone, for whoever asks and cannot open the store. Neither leaves anything behind by which a secret or a
//! content could be learned, and without the secret one tag looks like any other. Sends nothing and asks nobody.

use std::net::SocketAddr;

use aws_lc_rs::constant_time;
use secrecy::SecretBox;
use zeroize::Zeroizing;

use crate::route::compiled::Compiled;
use crate::seal::index::{Index, Tag};
use crate::seal::key::{KEY_LEN, Master, SealError, random};
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::recovery::OF_A_RUN;

/// The head with the number.
pub const CHALLENGE: &str = "drehscheibe-challenge";
/// The head with an address of which is asked whether the process listens there.
pub const LISTENS: &str = "drehscheibe-listens";
/// The head with the tags: with the store's secret, and without; the first is empty where the process cannot read its store.
pub const PROOF: &str = "drehscheibe-proof";

/// Where the store keeps the secret.
const NOTE: (&str, &str) = OF_A_RUN;

/// A number that was never used before.
pub type Challenge = [u8; 16];
/// The secret of the store, as one of its processes has it.
pub type Secret = Zeroizing<Vec<u8>>;

/// What an answer is about.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The number of whoever asked.
    pub challenge: &'a Challenge,
    /// The path that was asked for.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
    /// Of an address that was asked for: whether the process listens there.
    pub listens: Option<(SocketAddr, bool)>,
}

/// What an answer proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proved {
    /// It is of this stage and of this store.
    Store,
    /// It is of the stage with this key; of its store nothing is known to one of the two.
    Stage,
    /// It is of another stage, key or store.
    Another,
}

/// Makes and reads proofs of one stage.
pub struct Proof {
    stage: &'static str,
    key: Index,
}

impl Proof {
    /// Those of a compiled stage.
    pub fn of(compiled: &Compiled) -> Result<Proof, SealError> {
        Proof::with(compiled.stage.stage.as_str(), &compiled.stage.key)
    }

    /// Those of a stage with a key.
    pub fn with(stage: &'static str, key: &SecretBox<[u8; KEY_LEN]>) -> Result<Proof, SealError> {
        Ok(Proof { stage, key: Master::new(key)?.index("asked")? })
    }

    /// The value of [`PROOF`] for an answer.
    pub fn make(&self, secret: Option<&Secret>, answer: Answer<'_>) -> String {
        let store = secret.map(|secret| hex::encode(self.tag(Some(secret), answer)));
        format!("{}.{}", store.unwrap_or_default(), hex::encode(self.tag(None, answer)))
    }

    /// What a value of [`PROOF`] proves of an answer, to who knows the secrets of the processes that run on the store, or cannot know them.
    pub fn read(&self, secrets: Option<&[Secret]>, answer: Answer<'_>, proof: &str) -> Proved {
        let (store, stage) = proof.split_once('.').unwrap_or_default();
        let same = |written: &str, tag: Tag| {
            let mut read = Tag::default();
            hex::decode_to_slice(written, &mut read).is_ok()
                && constant_time::verify_slices_are_equal(&read, &tag).is_ok()
        };
        match secrets {
            Some(secrets) if secrets.iter().any(|secret| same(store, self.tag(Some(secret), answer))) => {
                Proved::Store
            }
            Some(_) if !store.is_empty() => Proved::Another,
            _ if same(stage, self.tag(None, answer)) => Proved::Stage,
            _ => Proved::Another,
        }
    }

    fn tag(&self, secret: Option<&Secret>, answer: Answer<'_>) -> Tag {
        let Answer { challenge, path, status, body, listens } = answer;
        let listens = listens.map(|(at, is)| format!("{at} {is}")).unwrap_or_default();
        let secret: &[u8] = secret.map_or(&[], |secret| secret);
        let status = status.to_be_bytes();
        let parts =
            [self.stage.as_bytes(), secret, challenge, path.as_bytes(), &status, listens.as_bytes(), body];
        self.key.tag_of(&parts)
    }
}

async fn noted(store: &dyn Store) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(store.note(NOTE.0, NOTE.1).await?.filter(|secret| !secret.is_empty()))
}

fn with(noted: &[u8], sign: &[u8]) -> Secret {
    Zeroizing::new([noted, sign].concat())
}

/// The secret of the process that this is; `None` where no run has made one, or this is no running process.
pub async fn own(store: &dyn Store) -> Result<Option<Secret>, StoreError> {
    let Some(sign) = store.sign() else { return Ok(None) };
    Ok(noted(store).await?.map(|noted| with(&noted, &sign)))
}

/// Those of all processes that run on a store; `None` where no run has made one.
pub async fn all(store: &dyn Store) -> Result<Option<Vec<Secret>>, StoreError> {
    let Some(noted) = noted(store).await? else { return Ok(None) };
    let signs = store.signs().await?;
    Ok(Some(signs.iter().map(|sign| with(&noted, sign)).collect()))
}

/// Makes the secret of a store anew. All its replicas read it when they are asked.
pub async fn renew(store: &dyn Store) -> Result<(), StoreError> {
    let fresh = random::<KEY_LEN>().map_err(|error| StoreError::Refused(error.to_string().into()))?;
    store.set_note(NOTE.0, NOTE.1, Some(fresh.to_vec())).await
}

/// A number that was never used before.
pub fn challenge() -> Result<Challenge, SealError> {
    random()
}

/// A number as the head carries it.
pub fn read_challenge(written: &str) -> Option<Challenge> {
    let mut challenge = Challenge::default();
    hex::decode_to_slice(written, &mut challenge).ok().map(|()| challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(stage: &'static str, key: u8) -> Proof {
        Proof::with(stage, &SecretBox::new(Box::new([key; KEY_LEN]))).unwrap()
    }

    #[test]
    fn only_this_stage_key_store_question_and_answer_are_proved() {
        let ours = proof("test", 1);
        let secret = |with: u8| Zeroizing::new(vec![with; KEY_LEN]);
        let (mine, other) = (secret(7), secret(8));
        let at: SocketAddr = "127.0.0.1:8443".parse().unwrap();
        let answer = Answer {
            challenge: &[1; 16],
            path: "/health/ready",
            status: 200,
            body: b"bereit\n",
            listens: Some((at, true)),
        };
        let made = ours.make(Some(&mine), answer);
        let one = |secret: &Secret| [secret.clone()];
        let mine_alone = one(&mine);
        assert_eq!(ours.read(Some(&mine_alone), answer, &made), Proved::Store);
        let both = [other.clone(), mine.clone()];
        assert_eq!(ours.read(Some(&both), answer, &made), Proved::Store, "one of several replicas");
        assert_eq!(ours.read(Some(&[]), answer, &made), Proved::Another, "a copy on which nobody runs");
        assert_eq!(ours.read(None, answer, &made), Proved::Stage, "who cannot open the store");
        assert_eq!(ours.read(Some(&one(&other)), answer, &made), Proved::Another, "a store of the same key");
        let without = ours.make(None, answer);
        assert_eq!(ours.read(Some(&mine_alone), answer, &without), Proved::Stage, "its store is away");
        for stranger in [proof("test", 2), proof("abnahme", 1)] {
            assert_eq!(stranger.read(Some(&mine_alone), answer, &made), Proved::Another);
            assert_eq!(stranger.read(None, answer, &made), Proved::Another);
        }
        for changed in [
            Answer { challenge: &[2; 16], ..answer },
            Answer { path: "/health/parts", ..answer },
            Answer { status: 503, ..answer },
            Answer { body: b"bereit", ..answer },
            Answer { listens: Some((at, false)), ..answer },
            Answer { listens: None, ..answer },
        ] {
            assert_eq!(ours.read(Some(&mine_alone), changed, &made), Proved::Another);
            assert_eq!(ours.read(None, changed, &made), Proved::Another);
        }
        for junk in ["", ".", "abc", &made.replace('.', ""), &format!(".{made}")] {
            assert_eq!(ours.read(Some(&mine_alone), answer, junk), Proved::Another, "{junk}");
        }
        assert_eq!(read_challenge(&hex::encode([5; 16])), Some([5; 16]));
        assert_eq!(read_challenge("05"), None);
    }
}
