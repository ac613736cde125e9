//! What the value of an `on` entry is to a transport, as its row of the menu says it, and what the HTTP door is told of the paths of the running
//! routes. Holds no value of a message.

/// What the value of an `on` entry is: `http: /v1/lieferungen`, `amqp: register.lieferungen`, `timer: erinnerung`, `person: register`.
#[derive(Clone, Copy)]
pub enum Bindings {
    /// A path that routes make: any connection of the transport serves it, and its OpenAPI shows it.
    Paths {
        /// Why a path cannot be had; `None` where it can.
        refuses: fn(path: &str) -> Option<&'static str>,
    },
    /// The name of a connection, or what one lists under `binding`.
    Listed,
    /// A name that routes make: any connection of the transport brings it.
    Names,
    /// A name that routes make, and no connection brings it: the house does.
    Unconnected,
}

/// One path of the HTTP door, composed from the routes; what OpenAPI shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpBinding {
    /// The path, such as `/v1/lieferungen`.
    pub path: String,
    /// The route's name.
    pub route: String,
    /// The route's `about`.
    pub about: String,
    /// Message types it accepts.
    pub messages: Vec<String>,
    /// Partners that may use it; others get 403.
    pub partners: Vec<String>,
    /// Those of them whose answers may go by message, where a request asks for that.
    pub by_message: Vec<String>,
    /// Largest body in octets.
    pub max_body: usize,
    /// Largest part in octets.
    pub max_part: u64,
}
