//! The one integration binary: each module tests one boundary, through public items only.

#![allow(clippy::unwrap_used, reason = "a helper of a test may end the test")]
#![allow(clippy::print_stdout, reason = "what cannot run says so")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test measures and waits by the machine's clock, to fail instead of hanging"
)]

#[path = "../house.rs"]
mod house;
mod antwort;
mod audit;
mod bundle;
mod bench_floor;
mod bestand_liste;
mod calls;
mod canary;
mod cli;
mod cli_inspect;
mod cli_inspect_xta;
mod collector;
mod compose;
mod engine;
mod explain;
mod fault;
mod folder_attack;
mod handbook;
mod handover;
mod http;
mod json;
mod klaerfall;
mod latin;
mod letters;
mod mailbox;
mod model;
mod mime;
mod mime_frame;
mod osci_attacks;
mod osci_captures;
mod osci_octets;
mod osci_support;
mod osci_write;
mod partner_versions;
mod postgres;
mod recovery;
mod register;
mod rights;
mod route;
mod schema_constructs;
mod schema_fuzz;
mod schema_hard;
mod schema_latin;
mod schema_mutants;
mod schema_oracle;
mod schema_peers;
mod schema_support;
mod schema_validate;
mod schema_w3c;
mod standards;
mod store;
mod store_contract;
mod store_damage;
mod support;
mod taken;
mod transport_amqp;
mod transport_amqp_hostile;
mod transport_amqp_neighbours;
mod transport_amqp_out;
mod transport_amqp_shared;
mod transport_broker;
mod transport_callback;
mod transport_folder;
mod transport_folder_told;
mod transport_http;
mod transport_menu;
mod transport_multipart;
mod transport_support;
mod transport_timer;
mod transport_tls;
mod trouble;
mod trust;
mod watching;
mod xml;
mod xml_c14n;
mod xml_signature;
mod xoev;
mod xoev_aenderung;
mod xoev_chain;
mod xoev_generate;
mod xoev_oracle;
mod xoev_verdicts;
mod xoev_versions;
mod xoev_oracle_weitere;
mod xoev_weitere;
mod xoev_written;
mod xoev_xjustiz;
mod xoev_xmeld;
mod xta_captures;
mod xta_negatives;
mod xta_oracle;
mod xta_server;
mod xta_server_support;
mod xta_server_wire;
mod xta_support;
mod xta_write;
