//! One exchange with a port: mutual TLS, an envelope out, an answer back, each within its bounds. Follows no redirect, asks no proxy of the
//! environment, repeats nothing by itself, and never lets an answer be larger than it may.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Response as Reply, StatusCode};

use super::settings::{Settings, port};
use super::trouble::Trouble;
use crate::clock::Tick;
use crate::mime::writer::Writer;
use crate::transport::caller::{self, Around, Caller};
use crate::transport::http::pace::Pace;
use crate::transport::retry_after::retry_after;
use crate::transport::tls::{self, TlsError};
use crate::transport::unreached::{Names, Unreached};
use crate::transport::watched::Files;
use crate::transport::xta::binding::{self, Form, Head};
use crate::transport::xta::model::{Party, Request, Response};
use crate::transport::xta::names::{Module, Operation, Port};
use crate::transport::xta::out::{Carriage, Unwritable};
use crate::transport::xta::package::{self, Limits, Package, Step};
use crate::transport::xta::receive::{self, Rules};
use crate::transport::xta::write;
use crate::transport::xta_words::{boundary, wire_id};

/// Octets of an answer that is held: a list, a report.
const HELD: usize = 8 << 20;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// The way to one server.
pub struct Link {
    connection: String,
    /// What is written of it.
    pub settings: Settings,
    caller: Caller,
}

/// A request that is written.
pub struct Asked {
    /// The operation.
    pub operation: Operation,
    /// Its media type.
    pub content_type: String,
    /// Its action.
    pub action: String,
}

impl Link {
    /// The way of a connection; `settings` with whole paths. An error says what of our own material is not usable.
    pub fn open(connection: &str, settings: Settings, around: Around) -> Result<Link, String> {
        let tls = &settings.tls;
        let files = tls::client_files(Some(&tls.ca), Some(&tls.client_certificate));
        let built = settings.clone();
        let caller = Caller::open(connection, around, files, move |files| client(files, &built));
        let caller = caller.map_err(|fault| fault.to_string())?;
        Ok(Link { connection: connection.to_owned(), settings, caller })
    }

    /// Nobody is to wait any more for what is said of it.
    pub fn gone(&self) {
        self.caller.gone();
    }

    /// Asks for what has no contents beside it.
    pub async fn ask(&self, request: &Request, identity: Option<&Party>) -> Result<Response, Trouble> {
        Ok(self.ask_for(request, identity).await?.0)
    }

    /// As [`Link::ask`], with the octets of the answer's envelope as they came.
    pub async fn ask_for(
        &self,
        request: &Request,
        identity: Option<&Party>,
    ) -> Result<(Response, Bytes), Trouble> {
        let (asked, body) = self.envelope(request, identity)?;
        let exchange = async {
            let length = body.len() as u64;
            let (mut reply, after) = self.post(&asked, Body::from(body), length).await?;
            let root = self.held(&mut reply).await?;
            let answer = self.read(root.clone(), asked.operation, (reply.status(), after))?;
            Ok((answer, root))
        };
        let lost = || Err(Trouble::Lost("no answer in time"));
        tokio::time::timeout(self.settings.timeout.0, exchange).await.unwrap_or_else(|_| lost())
    }

    /// An envelope without parts, framed as what every stack of a server takes.
    pub fn envelope(&self, request: &Request, identity: Option<&Party>) -> Result<(Asked, Bytes), Trouble> {
        let operation = write::operation_of(request);
        let to = self.address(operation)?;
        let unwritable = |fault: Unwritable| Trouble::Unwritable(fault.to_string());
        let written = write::request(Module::Xta211, request, identity, &to, &wire_id(), Carriage::Parts)
            .map_err(unwritable)?;
        let root = written.whole().unwrap_or_default().to_owned();
        let framed = || {
            let boundary = boundary()?;
            let mut writer = Writer::new(&boundary);
            let headers = package::root_headers(written.action.as_deref())?;
            let mut body = BytesMut::from(
                &writer.start_part(&headers.each_ref().map(|(name, value)| (*name, value.as_str())))?[..],
            );
            body.extend_from_slice(&writer.data(root.into())?);
            body.extend_from_slice(&writer.end());
            Ok((package::content_type(&boundary, written.action.as_deref())?, body.freeze()))
        };
        let (content_type, body) = framed()
            .map_err(|fault: crate::mime::fault::MimeError| Trouble::Unwritable(fault.to_string()))?;
        Ok((Asked { operation, content_type, action: written.action.unwrap_or_default() }, body))
    }

    /// The address of the port of an operation.
    pub fn address(&self, operation: Operation) -> Result<String, Trouble> {
        let ports = &self.settings.ports;
        match operation.port(Module::Xta211) {
            Some(Port::Management) => Ok(ports.management.clone()),
            Some(Port::SendXta) => Ok(ports.send.clone()),
            Some(Port::MsgBox) => Ok(ports.mailbox.clone()),
            _ => Err(Trouble::Unwritable("not an operation of this module".to_owned())),
        }
    }

    /// Sends a body of so many octets; the answer is there as far as its head, with the time after which its server wants to be asked again.
    pub async fn post(
        &self,
        asked: &Asked,
        body: Body,
        length: u64,
    ) -> Result<(Reply, Option<Duration>), Trouble> {
        let address = self.address(asked.operation)?;
        let url = port(&address).ok_or(Unreached::Address)?;
        let client = self.caller.client().await?;
        let request = client
            .post(url)
            .header(CONTENT_TYPE, &asked.content_type)
            .header(CONTENT_LENGTH, length)
            .header("SOAPAction", format!("\"{}\"", asked.action))
            .header(ACCEPT, "multipart/related, application/soap+xml")
            .body(body);
        let reply = request.send().await.map_err(|error| match self.caller.not_sent(&error) {
            Some(why) => Trouble::Unreached(why),
            None => Trouble::Lost("the exchange broke off"),
        })?;
        let after = self.after(&reply);
        self.caller.answered(false);
        Ok((reply, after))
    }

    /// When the server wants to be asked again.
    pub fn after(&self, reply: &Reply) -> Option<Duration> {
        retry_after(reply.headers(), self.caller.now())
    }

    /// Reads an envelope as the answer to an operation.
    pub fn read(
        &self,
        root: Bytes,
        operation: Operation,
        (status, after): (StatusCode, Option<Duration>),
    ) -> Result<Response, Trouble> {
        let rules = Rules { strict: self.settings.strict, envelope: root.len().max(1) };
        let answer = receive::response(root, Module::Xta211, operation, &rules);
        let answer = answer.map_err(|fault| Trouble::Unreadable(fault.reason))?;
        for deviation in &answer.deviations {
            tracing::debug!(connection = self.connection, deviation = deviation.text(), "an answer deviates");
        }
        let read = match answer.outcome {
            Err(fault) => Err(Trouble::Refused(Box::new(fault), after)),
            // What stands in an answer of failure is no answer, however well it reads.
            Ok(_) if status != StatusCode::OK => Err(Trouble::Status { status: status.as_u16(), after }),
            Ok(answer) => Ok(answer),
        };
        if !read.as_ref().is_err_and(Trouble::is_far_end) {
            self.caller.answered(true);
        }
        read
    }

    /// The envelope of an answer that is held; parts beside it are passed over.
    pub async fn held(&self, reply: &mut Reply) -> Result<Bytes, Trouble> {
        let mut pace = self.pace();
        match form(reply, self.after(reply))? {
            Form::Plain => {
                let mut octets = BytesMut::new();
                while let Some(piece) = self.piece(reply, &mut pace).await? {
                    if octets.len() + piece.len() > HELD {
                        return Err(Trouble::Unreadable("larger than 8 MiB".to_owned()));
                    }
                    octets.extend_from_slice(&piece);
                }
                Ok(octets.freeze())
            }
            Form::Multipart { boundary, start } => {
                let total = 4 * HELD as u64;
                let limits = Limits { root: HELD, part: total, total, parts: 64 };
                let mut package = Package::new(&boundary, start.as_deref(), &limits);
                let unreadable = |fault: package::PackageFault| Trouble::Unreadable(fault.to_string());
                let mut root = None;
                while let Some(piece) = self.piece(reply, &mut pace).await? {
                    for step in package.feed(&piece).map_err(unreadable)? {
                        if let Step::Root { octets, .. } = step {
                            root = Some(octets);
                        }
                    }
                }
                package.finish().map_err(unreadable)?;
                root.ok_or_else(|| Trouble::Unreadable("no part with the envelope".to_owned()))
            }
        }
    }

    /// How long an answer may keep us waiting in all: the longer the more of it comes.
    pub fn pace(&self) -> Pace {
        Pace::new(self.settings.timeout.0)
    }

    /// The next piece of an answer, in time. Octets that only drip never make up for the waiting.
    pub async fn piece(&self, reply: &mut Reply, pace: &mut Pace) -> Result<Option<Bytes>, Trouble> {
        let began = Tick::now();
        match tokio::time::timeout(pace.left(), reply.chunk()).await {
            Ok(Ok(piece)) => {
                pace.waited(began.elapsed());
                pace.moved(piece.as_ref().map_or(0, Bytes::len));
                Ok(piece)
            }
            Ok(Err(_)) => Err(Trouble::Lost("the answer broke off")),
            Err(_) => Err(Trouble::Lost("the answer stood still, or only dripped")),
        }
    }
}

/// The form of an answer. Whatever is no envelope is known by its status, and so is what comes with a status with which SOAP answers nothing:
/// 200 is an answer, 400 and 500 may be faults, and of the rest no word is believed.
pub fn form(reply: &Reply, after: Option<Duration>) -> Result<Form, Trouble> {
    let status = reply.status();
    if !matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR) {
        return Err(Trouble::Status { status: status.as_u16(), after });
    }
    let content_type = reply.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let read = binding::read(&Head { content_type, ..Head::default() });
    read.map(|binding| binding.form).map_err(|_| Trouble::Status { status: reply.status().as_u16(), after })
}

/// The client of a server; the files are those of our certificate and of the authorities that may vouch for it.
fn client(files: &Files, settings: &Settings) -> Result<reqwest::Client, TlsError> {
    let mut config = tls::client_config(files)?;
    // The standard speaks HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut builder = caller::builder(settings.timeout.0.min(CONNECT))
        .http1_only()
        .dns_resolver(Names)
        .tls_backend_preconfigured(config);
    if let Some(proxy) = &settings.proxy {
        let proxy =
            reqwest::Proxy::all(proxy).map_err(|_| TlsError::Unfit("the proxy has no usable address"))?;
        builder = builder.proxy(proxy);
    }
    caller::built(builder)
}
