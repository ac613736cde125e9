//! The transports: how octets come in and leave. The menu of the room; a transport is one module and one line here.
//! No transport knows a standard, a route, a step or a store.

pub mod apart;
pub mod caller;
pub mod ids;
pub mod looks;
pub mod permits;
pub mod port;
pub mod retry_after;
pub mod settings;
pub mod tls;
pub mod tls_files;
pub mod turnstile;
pub mod unreached;
pub mod watched;

pub mod amqp;
pub mod callback;
pub mod folder;
pub mod http;
pub mod mailbox;
pub mod memory;
pub mod osci;
pub mod osci_authority;
pub mod osci_client;
pub mod osci_contents;
pub mod osci_evidence;
pub mod osci_intermediary;
pub mod osci_keys;
pub mod osci_pins;
pub mod osci_server;
pub mod osci_trust;
pub mod osci_words;
pub mod person;
pub mod postbox;
pub mod timer;
pub mod xta;
pub mod xta_client;
pub mod xta_server;
pub mod xta_words;

/// Every transport by the word it has in `connections.yaml` and in routes.
pub const TRANSPORTS: &[port::Entry] = &[
    http::ENTRY,
    folder::ENTRY,
    callback::ENTRY,
    amqp::ENTRY,
    mailbox::ENTRY,
    xta_server::ENTRY,
    xta_client::ENTRY,
    osci_server::ENTRY,
    osci_client::ENTRY,
    postbox::ddatabox::ENTRY,
    person::ENTRY,
    timer::ENTRY,
    memory::ENTRY,
];
