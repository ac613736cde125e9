//! TLS material for every transport: server side with client certificates and reload, client side with our own
//! trust anchors and identity. Trust never comes from a message; a torn file never replaces what works.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, DistinguishedName, HandshakeKind, RootCertStore,
    ServerConfig, ServerConnection, SignatureScheme, WantsVerifier,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::sha256_hex;
use super::port::Stop;
use super::settings::Span;
use super::unreached::{self, Unreached};
use super::watched::{self, Files, Named, Unreadable, Watched};
use crate::clock::Tick;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Parts, Turn};

/// How long what the machine trusts is not read anew.
const SHARED: Duration = Duration::from_secs(10);

/// The roles of files.
const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";
const CA: &str = "ca";
const CLIENT_CA: &str = "client-ca";

/// Whether a client has to show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// None is asked for.
    #[default]
    Off,
    /// One is asked for; who shows none needs a bearer token.
    Optional,
    /// Nobody comes in without one.
    Required,
}

/// TLS of a listener, as written.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM file with our certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with our private key.
    pub key: PathBuf,
    /// PEM file with the authorities whose client certificates are taken.
    pub client_ca: Option<PathBuf>,
    /// Whether clients have to show a certificate.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// How often the files are looked at for a change.
    #[serde(default = "five_seconds")]
    pub reload_every: Span,
}

fn five_seconds() -> Span {
    Span(Duration::from_secs(5))
}

/// Our own certificate towards a server, as written.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Identity {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// What is wrong with TLS material; names the role of a file, never its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{role} file cannot be read; check path and rights")]
    Unreadable {
        /// Which file.
        role: &'static str,
    },
    /// A file holds nothing of the kind expected.
    #[error("{role} file holds no usable PEM; write a complete file")]
    NotPem {
        /// Which file.
        role: &'static str,
    },
    /// Certificate, key or authorities do not fit.
    #[error("{0}; use material that belongs together")]
    Unfit(&'static str),
}

impl From<Unreadable> for TlsError {
    fn from(Unreadable(role): Unreadable) -> TlsError {
        TlsError::Unreadable { role }
    }
}

impl TlsSettings {
    /// The same with relative paths below a folder.
    pub fn below(self, folder: &Path) -> TlsSettings {
        TlsSettings {
            certificate: folder.join(&self.certificate),
            key: folder.join(&self.key),
            client_ca: self.client_ca.as_ref().map(|ca| folder.join(ca)),
            ..self
        }
    }
}

impl Identity {
    /// The same with relative paths below a folder.
    pub fn below(self, folder: &Path) -> Identity {
        Identity { certificate: folder.join(&self.certificate), key: folder.join(&self.key) }
    }
}

/// The faults of TLS settings that their type cannot say; `path` is where they stand.
pub fn check(settings: &TlsSettings, path: &str, faults: &mut Vec<(String, String)>) {
    match (settings.client_certificates, &settings.client_ca) {
        (ClientCertificates::Off, Some(_)) => faults.push((
            format!("{path}/client-certificates"),
            "must be `optional` or `required` where `client-ca` is given".to_owned(),
        )),
        (ClientCertificates::Optional | ClientCertificates::Required, None) => faults.push((
            format!("{path}/client-ca"),
            "is missing; client certificates need the authorities that issue them".to_owned(),
        )),
        _ => {}
    }
    if settings.reload_every.0.is_zero() {
        faults.push((format!("{path}/reload-every"), "must be more than zero".to_owned()));
    }
}

/// What a listener trusts from one reload to the next.
pub struct Trust {
    config: Arc<ServerConfig>,
    /// Who looks at client certificates, where there are any.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// Counts the reloads.
    generation: u64,
}

impl Trust {
    /// The configuration of a new connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

/// The TLS configuration of a listener; connections take the current one, so a reload needs no restart.
pub struct ServerTls {
    settings: TlsSettings,
    watched: Watched<Trust, TlsError>,
}

impl ServerTls {
    /// Loads the material for the first time.
    pub fn open(settings: TlsSettings) -> Result<ServerTls, TlsError> {
        let mut named = vec![(CERTIFICATE, settings.certificate.clone()), (KEY, settings.key.clone())];
        named.extend(settings.client_ca.clone().map(|ca| (CLIENT_CA, ca)));
        let clients = settings.client_certificates;
        let make = move |files: &Files, generation| trust(files, clients, generation);
        Ok(ServerTls { settings, watched: Watched::open(named, Box::new(make))? })
    }

    /// What holds now; new connections begin with it, and each request of an open one is looked at by it.
    pub fn trust(&self) -> Arc<Trust> {
        self.watched.current()
    }

    /// Loads the material if it changed; true when another one is in use now. On a fault the last good one stays, and the fault is
    /// told until the files are good again.
    pub fn reload(&self) -> Result<bool, TlsError> {
        self.watched.reload()
    }

    /// Looks for changes until stopped. Contents are compared, not times: a replaced link or a restored file counts. As long as the
    /// files cannot be used the listener is a part that fails: whom they no longer name may still come in.
    pub async fn watch(self: Arc<Self>, connection: String, parts: Parts, stop: Stop) {
        let part = format!("tls {connection}");
        let mut told = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.settings.reload_every.0) => {}
            }
            let this = self.clone();
            match tokio::task::spawn_blocking(move || this.reload()).await {
                Ok(Ok(fresh)) => {
                    if fresh {
                        tracing::info!(connection, "new tls material in use");
                    }
                    parts.runs(&part);
                    told = None;
                }
                Ok(Err(fault)) => {
                    if told.as_ref() != Some(&fault) {
                        tracing::warn!(connection, %fault, "tls material not usable, the last good one stays in use");
                    }
                    let next = "put usable files in place; until then the last good ones hold, also for whom the new ones leave out";
                    parts.fails(
                        &part,
                        Failing { cause: fault.to_string(), next: next.to_owned(), turn: Turn::Ours },
                    );
                    told = Some(fault);
                }
                Err(_) => {}
            }
        }
        parts.gone(&part);
    }
}

/// What a listener trusts by the contents of its files.
fn trust(files: &Files, clients: ClientCertificates, generation: u64) -> Result<Trust, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Unfit("no protocol version usable"))?;
    let verifier = verifier(files, clients)?;
    let builder = match &verifier {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
    };
    let mut config = builder
        .with_single_cert(certificates(content(files, CERTIFICATE)?, CERTIFICATE)?, own_key(files)?)
        .map_err(|_| TlsError::Unfit("certificate and key do not fit"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Trust { config: Arc::new(config), verifier, generation })
}

fn verifier(
    files: &Files,
    clients: ClientCertificates,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    match (clients, files.of(CLIENT_CA)) {
        (ClientCertificates::Off, _) | (_, None) => Ok(None),
        (wanted, Some(pem)) => {
            let roots = Arc::new(roots(pem, CLIENT_CA)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
            let verifier = match wanted {
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            let inner = verifier.build().map_err(|_| TlsError::Unfit("client authorities not usable"))?;
            Ok(Some(Arc::new(Telling(inner))))
        }
    }
}

/// Says of a client certificate that is refused which one it was: whoever issued it, or gave us another, looks for it by that.
#[derive(Debug)]
struct Telling(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Telling {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.0.verify_client_cert(shown, chain, now).inspect_err(|error| {
            let sha256 = fingerprint(shown);
            // Strangers may show as many as they like: it is logged once a minute.
            raise(
                Alarm::SenderNotAdmitted,
                "client certificate",
                &[("sha256", &sha256), ("why", refused(error))],
            );
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Why a client certificate is refused, in our words.
fn refused(error: &rustls::Error) -> &'static str {
    match unreached::of_tls(error) {
        Some(Unreached::TheirsExpired) => "it has expired",
        Some(Unreached::TheirsEarly) => "it is not valid yet",
        Some(Unreached::Authority) => "it is of an authority that is not named under `client-ca`",
        _ => "it cannot be used",
    }
}

/// The certificate that a client showed on a connection. A hand-shake looks at it once, and not even then when it takes up an
/// earlier session; so it is asked again at each request whether it still holds.
#[derive(Debug)]
pub struct Shown {
    chain: Vec<CertificateDer<'static>>,
    fingerprint: String,
    /// When the whole chain is valid; `None` when that cannot be read, and then it is verified each time.
    valid: Option<(Timestamp, Timestamp)>,
    /// The generation of what we trust that vouched for it last, plus one; 0 when none did yet.
    vouched: AtomicU64,
}

impl Shown {
    /// What the client of a connection showed, if it showed one.
    pub fn of(trust: &Trust, connection: &ServerConnection) -> Option<Shown> {
        let chain: Vec<_> =
            connection.peer_certificates()?.iter().map(|one| one.clone().into_owned()).collect();
        let fingerprint = fingerprint(chain.first()?);
        let looked_at = connection.handshake_kind() != Some(HandshakeKind::Resumed);
        let vouched = if looked_at { trust.generation + 1 } else { 0 };
        let valid = validity(&chain);
        Some(Shown { chain, fingerprint, valid, vouched: AtomicU64::new(vouched) })
    }

    /// SHA-256 of the client's own certificate, hex lower case.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether our authorities vouch for it now. Costs a comparison; a verification only when the authorities were loaded
    /// anew, the certificate has run out, or nobody looked yet.
    pub fn holds(&self, tls: &ServerTls, now: Timestamp) -> bool {
        let trust = tls.watched.current();
        let Some(verifier) = &trust.verifier else { return false };
        let valid = self.valid.is_some_and(|(from, to)| from <= now && now <= to);
        if valid && self.vouched.load(Ordering::Relaxed) == trust.generation + 1 {
            return true;
        }
        let Some((end_entity, intermediates)) = self.chain.split_first() else { return false };
        let Ok(since) = u64::try_from(now.as_second()) else { return false };
        let at = UnixTime::since_unix_epoch(Duration::from_secs(since));
        let holds = verifier.verify_client_cert(end_entity, intermediates, at).is_ok();
        if holds {
            self.vouched.store(trust.generation + 1, Ordering::Relaxed);
        }
        holds
    }
}

/// The time in which every certificate of a chain is valid.
fn validity(chain: &[CertificateDer<'_>]) -> Option<(Timestamp, Timestamp)> {
    let mut whole = (Timestamp::MIN, Timestamp::MAX);
    for certificate in chain {
        let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let validity = read.validity();
        let from = Timestamp::from_second(validity.not_before.timestamp()).ok()?;
        let to = Timestamp::from_second(validity.not_after.timestamp()).ok()?;
        whole = (whole.0.max(from), whole.1.min(to));
    }
    Some(whole)
}

/// The files of a client: the authorities that may vouch for its server, and its own certificate and key.
pub fn client_files(ca: Option<&Path>, identity: Option<&Identity>) -> Vec<Named> {
    let mut named = Vec::new();
    named.extend(ca.map(|ca| (CA, ca.to_owned())));
    if let Some(Identity { certificate, key }) = identity {
        named.extend([(CERTIFICATE, certificate.clone()), (KEY, key.clone())]);
    }
    named
}

/// The TLS configuration towards a server that only the authorities among these files may vouch for.
pub fn client_config(files: &Files) -> Result<ClientConfig, TlsError> {
    showing(protocols()?.with_root_certificates(roots(content(files, CA)?, CA)?), files)
}

/// The TLS configuration towards a server that whoever the machine trusts may vouch for.
pub fn public_config(files: &Files) -> Result<ClientConfig, TlsError> {
    showing(protocols()?.dangerous().with_custom_certificate_verifier(trusted_here()?), files)
}

/// The TLS configuration of a client that only ever speaks without TLS: nobody can vouch for anybody.
pub fn plain_config() -> Result<ClientConfig, TlsError> {
    Ok(protocols()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn protocols() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Unfit("no protocol version usable"))
}

/// With the certificate among these files, if there is one.
fn showing(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    files: &Files,
) -> Result<ClientConfig, TlsError> {
    let mut config = match files.of(CERTIFICATE) {
        None => builder.with_no_client_auth(),
        Some(chain) => builder
            .with_client_auth_cert(certificates(chain, CERTIFICATE)?, own_key(files)?)
            .map_err(|_| TlsError::Unfit("certificate and key do not fit"))?,
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The judge of certificates by what the machine trusts. Reading that means opening some hundred files, so all clients of one start or reload
/// share it; a later one reads anew.
fn trusted_here() -> Result<Arc<Verifier>, TlsError> {
    static LAST: Mutex<Option<(Tick, Arc<Verifier>)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((read, verifier)) = &*last
        && read.elapsed() < SHARED
    {
        return Ok(verifier.clone());
    }
    let verifier = Verifier::new(provider()).map_err(|_| {
        TlsError::Unfit("this machine trusts no authority: install ca-certificates, or name `ca`")
    })?;
    let verifier = Arc::new(verifier);
    *last = Some((Tick::now(), verifier.clone()));
    Ok(verifier)
}

/// When our own certificate among these files is valid; `None` where we show none.
pub fn own_validity(files: &Files) -> Result<Option<(Timestamp, Timestamp)>, TlsError> {
    let Some(chain) = files.of(CERTIFICATE) else { return Ok(None) };
    let chain = certificates(chain, CERTIFICATE)?;
    validity(&chain[..1]).map(Some).ok_or(TlsError::NotPem { role: CERTIFICATE })
}

/// Whether our own certificate may be shown now.
pub fn is_valid(own: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Result<(), Unreached> {
    match own {
        Some((_, to)) if now > to => Err(Unreached::OwnExpired),
        Some((from, _)) if now < from => Err(Unreached::OwnEarly),
        _ => Ok(()),
    }
}

fn content<'f>(files: &'f Files, role: &'static str) -> Result<&'f [u8], TlsError> {
    files.of(role).ok_or(TlsError::Unreadable { role })
}

fn own_key(files: &Files) -> Result<PrivateKeyDer<'static>, TlsError> {
    private_key(content(files, KEY)?)
}

/// The TLS configuration towards a server that shows exactly the certificate in a file: the first one there, which is a server's own.
pub fn only_config(certificate: &Path) -> Result<ClientConfig, TlsError> {
    let role = "certificate";
    let own = certificates(&watched::read(certificate, role)?, role)?.into_iter().next();
    let own = own.ok_or(TlsError::NotPem { role })?;
    let only = Arc::new(Only { own, provider: provider() });
    Ok(protocols()?.dangerous().with_custom_certificate_verifier(only).with_no_client_auth())
}

/// Trusts one certificate, and nothing that it or another one vouches for.
#[derive(Debug)]
struct Only {
    own: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match *shown == self.own {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(rustls::CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, shown, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, shown, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// SHA-256 of a certificate (DER), hex lower case.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    sha256_hex(certificate)
}

/// The one cryptographic provider, passed explicitly so that no process-wide default is needed.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn certificates(pem: &[u8], role: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsError::NotPem { role }),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::NotPem { role: "key" })
}

fn roots(pem: &[u8], role: &'static str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, role)? {
        roots.add(certificate).map_err(|_| TlsError::NotPem { role })?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_trusts_is_read_once_for_the_clients_of_one_start() {
        let (first, second) = (trusted_here().unwrap(), trusted_here().unwrap());
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn a_client_that_speaks_without_tls_believes_nobody() {
        let config = plain_config().unwrap();
        assert!(config.alpn_protocols.is_empty());
        assert!(public_config(&Files::read(&[]).unwrap()).unwrap().alpn_protocols.len() == 2);
        // Without authorities of its own a configuration that needs them is not made.
        assert!(client_config(&Files::read(&[]).unwrap()).is_err());
    }
}
