//! The HTTP client by which the house calls one far end: made of the files of our TLS material and made anew when they change, with the last
//! good one until then. It shows no certificate that is over, says why nobody was reached and by whose fault, and repeats nothing by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::port::Surroundings;
use super::port::reach::Reached;
use super::tls::{self, TlsError};
use super::unreached::Unreached;
use super::watched::{Files, Named, Watched};
use crate::clock::{Clock, Tick};
use crate::telemetry::parts::{Failing, Parts, Speaker, Turn};

/// How often the files are looked at for a change.
const LOOK: Duration = Duration::from_secs(5);

/// What a caller is told of its house.
#[derive(Clone)]
pub struct Around {
    /// Where it says that a far end is not reached.
    pub parts: Parts,
    /// Where it says that one has answered.
    pub reached: Reached,
    /// Time.
    pub clock: Clock,
}

impl Around {
    /// That of a transport.
    pub fn of(around: &Surroundings) -> Around {
        Around { parts: around.parts.clone(), reached: around.reached.clone(), clock: around.clock.clone() }
    }

    /// That of whoever asks by himself, such as a command.
    pub fn alone() -> Around {
        Around { parts: Parts::default(), reached: Reached::default(), clock: Clock::real() }
    }
}

/// The beginnings of a client that reaches only whom it is told to, and never repeats anything: whether that is done others decide.
pub fn builder(connect: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(connect)
        .user_agent("drehscheibe")
}

/// The client that was begun so.
pub fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, TlsError> {
    builder.build().map_err(|_| TlsError::Unfit("http client cannot be built by ca and client-certificate"))
}

/// The octets of an answer; `None` where there are more than so many.
pub async fn held(reply: &mut reqwest::Response, most: u64) -> Result<Option<Bytes>, reqwest::Error> {
    let mut octets = BytesMut::new();
    while let Some(piece) = reply.chunk().await? {
        if (octets.len() + piece.len()) as u64 > most {
            return Ok(None);
        }
        octets.extend_from_slice(&piece);
    }
    Ok(Some(octets.freeze()))
}

/// What was made of the files.
struct Made {
    client: reqwest::Client,
    /// When our own certificate is valid, where we show one.
    own: Option<(Timestamp, Timestamp)>,
}

/// Calls one far end.
pub struct Caller {
    /// What it is called: a connection, or a destination where each partner has a far end of its own.
    name: String,
    around: Around,
    /// What it said of parts goes with it: after a reload another one is there.
    says: Speaker,
    watched: Arc<Watched<Made, TlsError>>,
    has_files: bool,
    looked: Mutex<Tick>,
    /// Why it was not reached last.
    failed: Mutex<Option<Unreached>>,
}

impl Caller {
    /// The caller of a far end, whose client is built of the contents of files. An error says what of our own material is not usable.
    pub fn open(
        name: &str,
        around: Around,
        files: Vec<Named>,
        build: impl Fn(&Files) -> Result<reqwest::Client, TlsError> + Send + Sync + 'static,
    ) -> Result<Caller, TlsError> {
        let has_files = !files.is_empty();
        let make = move |files: &Files, _| Ok(Made { client: build(files)?, own: tls::own_validity(files)? });
        let watched = Arc::new(Watched::open(files, Box::new(make))?);
        let (looked, failed) = (Mutex::new(Tick::now()), Mutex::default());
        let says = around.parts.speaker();
        Ok(Caller { name: name.to_owned(), around, says, watched, has_files, looked, failed })
    }

    /// The client that holds now, unless our own certificate is over: then nobody is called.
    pub async fn client(&self) -> Result<reqwest::Client, Unreached> {
        self.look().await;
        let made = self.watched.current();
        tls::is_valid(made.own, self.around.clock.now()).inspect_err(|why| self.fails(*why))?;
        Ok(made.client.clone())
    }

    /// Takes new material when it is whole.
    async fn look(&self) {
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.has_files || looked.elapsed() < LOOK {
                return;
            }
            *looked = Tick::now();
        }
        let watched = self.watched.clone();
        let (says, part) = (&self.says, self.material());
        match tokio::task::spawn_blocking(move || watched.reload()).await {
            Ok(Ok(fresh)) => {
                says.runs(&part);
                if fresh {
                    tracing::info!(far_end = self.name, "new tls material in use");
                }
            }
            Ok(Err(fault)) => says.fails(
                &part,
                Failing {
                    cause: fault.to_string(),
                    next: "put usable files in place; until then the last good ones are shown".to_owned(),
                    turn: Turn::Ours,
                },
            ),
            Err(_) => {}
        }
    }

    /// Why a call came to nothing, where nothing was sent by it; `None` where it had begun.
    pub fn not_sent(&self, error: &reqwest::Error) -> Option<Unreached> {
        let why = Unreached::of(error)?;
        self.fails(why);
        Some(why)
    }

    /// Nobody was reached.
    fn fails(&self, why: Unreached) {
        let before = self.failed.lock().unwrap_or_else(PoisonError::into_inner).replace(why);
        if before != Some(why) {
            tracing::warn!(
                far_end = self.name,
                turn = why.turn().as_str(),
                cause = why.what(),
                next = why.next(),
                "a far end is not reached"
            );
        }
        // What is the far end's to mend is no part of the house that does not run: it stands with what waits for it.
        match why.turn() {
            Turn::FarEnd => self.says.gone(&self.part()),
            _ => self.says.fails(&self.part(), why.failing()),
        }
    }

    /// It was reached; `well`: and is not in trouble itself.
    pub fn answered(&self, well: bool) {
        if self.failed.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!(far_end = self.name, "a far end is reached again");
            self.says.gone(&self.part());
        }
        if well {
            self.around.reached.answered(&self.name);
        }
    }

    /// The time of its house.
    pub fn now(&self) -> Timestamp {
        self.around.clock.now()
    }

    fn part(&self) -> String {
        format!("far end {}", self.name)
    }

    fn material(&self) -> String {
        format!("tls {}", self.name)
    }

    /// Nobody is to wait any more for what is said of it. Another one of the same name says for itself.
    pub fn gone(&self) {
        self.says.takes_back();
    }
}
