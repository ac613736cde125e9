//! `osci intermediary`: serves the small intermediary over HTTP until it is stopped, and carries deliveries on to passive recipients. It says
//! that it is no production manager, and shows no content.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::args::Global;
use super::args_osci::OsciCommand;
use super::exit::{CliError, Exit};
use super::osci_by_hand;
use super::output::Output;
use super::stage;
use crate::clock::Clock;
use crate::transport::caller;
use crate::transport::osci_client::settings::address;
use crate::transport::osci_intermediary::desk::{Desk, Next, Onward};
use crate::transport::osci_intermediary::shelf::Shelf;
use crate::transport::osci_keys::{self, KeyFiles, KeySettings, Padding};

/// Octets of an order.
const LARGEST: usize = 64 << 20;
/// How long a passive recipient may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Served {
    desk: Desk,
    clock: Clock,
    client: reqwest::Client,
}

/// Runs a command.
pub async fn run(
    global: &Global,
    clock: &Clock,
    command: &OsciCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let usage = |text: String| CliError::Usage(text);
    let OsciCommand::Intermediary {
        listen,
        folder,
        signature_cert,
        signature_key,
        cipher_cert,
        cipher_key,
        plain,
    } = command
    else {
        return osci_by_hand::run(global, command, out).await;
    };
    stage::may_write_alone(global, folder)?;
    let settings = KeySettings {
        signature: KeyFiles {
            certificate: signature_cert.clone(),
            key: signature_key.clone(),
            password: None,
        },
        cipher: vec![KeyFiles { certificate: cipher_cert.clone(), key: cipher_key.clone(), password: None }],
        padding: Padding::default(),
    };
    let keys = osci_keys::read_once(&settings).map_err(|fault| usage(fault.to_string()))?;
    let shelf = Shelf::open(folder).map_err(|error| {
        usage(format!("{}: {}; name a folder that can be written", folder.display(), error.kind()))
    })?;
    let client = caller::built(caller::builder(Duration::from_secs(10)).timeout(PATIENCE))
        .map_err(|fault| usage(fault.to_string()))?;
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(|error| {
        usage(format!("cannot listen on {listen}: {}; choose a free address", error.kind()))
    })?;
    let at = listener.local_addr()?;
    let served = Arc::new(Served { desk: Desk::new(keys, shelf, *plain), clock: clock.clone(), client });
    out.say(&format!("http://{at}/ is an OSCI intermediary for tests; it is no production manager"))?;
    out.value(&serde_json::json!({ "listens": at.to_string(), "production": false }))?;
    let router = Router::new().fallback(handle).with_state(served);
    axum::serve(listener, router).with_graceful_shutdown(stopped()).await?;
    Ok(Exit::Ok)
}

async fn stopped() {
    let _ = tokio::signal::ctrl_c().await;
}

async fn handle(State(served): State<Arc<Served>>, request: Request) -> Response {
    if request.method() != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let Ok(body) = to_bytes(request.into_body(), LARGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let next = beside(&served, move |served| served.desk.ask(&body, served.clock.now())).await;
    let answer = match next {
        Some(Next::Answer(answer)) => Some(answer),
        Some(Next::Onward(onward)) => {
            let heard = carried(&served, &onward).await;
            beside(&served, move |served| served.desk.heard(*onward, heard.as_ref(), served.clock.now()))
                .await
        }
        None => None,
    };
    match answer {
        Some(answer) => ([(CONTENT_TYPE, "text/xml; charset=UTF-8")], answer).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Does what costs time where nobody waits for it.
async fn beside<T: Send + 'static>(
    served: &Arc<Served>,
    act: impl FnOnce(&Served) -> T + Send + 'static,
) -> Option<T> {
    let served = served.clone();
    tokio::task::spawn_blocking(move || act(&served)).await.ok()
}

/// Carries a delivery to its passive recipient; `None`: nothing came back.
async fn carried(served: &Served, onward: &Onward) -> Option<Bytes> {
    let url = address(&onward.url)?;
    let request =
        served.client.post(url).header(CONTENT_TYPE, "text/xml; charset=UTF-8").body(onward.body.clone());
    let mut reply = request.send().await.ok().filter(|reply| reply.status() == StatusCode::OK)?;
    caller::held(&mut reply, LARGEST as u64).await.ok()?
}
