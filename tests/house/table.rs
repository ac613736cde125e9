//! The house's table as data: who may import whom, what the core never names, how long a file may be.
//! It never holds an exception for a single file.

/// What each room may import; `*` is everything. The same table stands in `src/ARCHITECTURE.md`.
pub const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("rejection", &[]),
    ("envelope", &[]),
    ("config", &[]),
    ("telemetry", &[]),
    ("clock", &[]),
    ("mime", &[]),
    ("trust", &[]),
    ("xml", &["mime", "trust"]),
    ("latin", &[]),
    ("schema", &["xml", "latin"]),
    ("seal", &[]),
    ("register", &["rejection", "latin"]),
    ("effects", &["envelope", "rejection", "register"]),
    ("xoev", &["xml", "schema", "register", "rejection"]),
    ("message", &["envelope", "effects", "xml", "register"]),
    ("paper", &["register"]),
    (
        "pipeline",
        &["message", "effects", "envelope", "rejection", "xml", "xoev", "latin", "register", "paper"],
    ),
    ("store", &["envelope", "effects", "rejection", "register", "seal", "telemetry"]),
    ("transport", &["envelope", "rejection", "xml", "mime", "trust", "seal", "clock", "telemetry"]),
    ("plan", &["envelope", "rejection", "message", "pipeline::step", "transport::port", "xoev::contract"]),
    (
        "engine",
        &[
            "plan",
            "pipeline::step",
            "transport::port",
            "store::contract",
            "store::desk",
            "store::entry",
            "store::error",
            "store::figures",
            "store::listed",
            "store::pauses",
            "store::stamp",
            "store::claims",
            "store::lane",
            "store::duty",
            "store::follow",
            "store::mailbox",
            "store::retention",
            "store::orders",
            "store::recovery",
            "xoev::contract",
            "xml::limits",
            "effects",
            "envelope",
            "message",
            "rejection",
            "register",
            "clock",
            "telemetry",
        ],
    ),
    (
        "route",
        &[
            "plan",
            "pipeline",
            "transport",
            "xoev",
            "register",
            "paper",
            "message",
            "config",
            "envelope",
            "rejection",
            "telemetry",
        ],
    ),
    ("console", &["store::contract", "engine::view", "config", "telemetry"]),
    ("app", &["*"]),
    ("cli", &["*"]),
];

/// The rooms that never wait, never touch the machine and never know the time.
pub const CORE: &[&str] = &[
    "rejection",
    "envelope",
    "mime",
    "trust",
    "xml",
    "latin",
    "schema",
    "register",
    "effects",
    "xoev",
    "message",
    "paper",
    "pipeline",
];

/// The loader of packages is the one part of the core that reads files; where it stands and what it may name.
pub const LOADER: (&str, &str) = ("src/xoev/package", "std::fs");

/// Paths that no file of the core names.
pub const IMPURE_PATHS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
];

/// Words that no file of the core has.
pub const IMPURE_WORDS: &[&str] = &[
    "tokio",
    "tokio_util",
    "reqwest",
    "axum",
    "hyper",
    "rusqlite",
    "SystemTime",
    "Instant",
    "await",
    "async",
    "now_v7",
    "new_v4",
];

/// Packages whose library has another name.
pub const LIBRARIES: &[(&str, &str)] = &[("rustls-webpki", "webpki")];

/// What switched-on features of these packages are for: a word that no file could have without the feature.
pub const FEATURES: &[(&str, &str, &str)] = &[
    ("tower", "util", "ServiceExt"),
    ("tokio-util", "rt", "TaskTracker"),
    ("tokio", "rt-multi-thread", "new_multi_thread"),
    ("tokio", "macros", "select"),
    ("tokio", "net", "TcpListener"),
    ("tokio", "time", "timeout"),
    ("tokio", "signal", "ctrl_c"),
    ("tokio", "sync", "Notify"),
    ("tokio", "io-util", "AsyncReadExt"),
    ("reqwest", "rustls", "tls_backend_preconfigured"),
    ("reqwest", "http2", "reqwest"),
    ("reqwest", "stream", "wrap_stream"),
    ("axum", "http2", "axum"),
];

/// Lines of a file without its trailing tests.
pub const WALL: usize = 600;
/// The median file of `src` is shorter.
pub const MEDIAN: usize = 300;
