//! What can be wrong with the neighbour that a store rests on, in our own words, and which alarm calls a person because of it. What is done
//! about it follows from what it is, never from its words. Never passes on a text of the neighbour: it can quote a value of a row.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use crate::telemetry::alarm::Alarm;

/// What is said where a database lacks what was acknowledged: a fail-over led to one that lagged behind, or one was put back.
pub const LACKS: &str = "the database lacks what was acknowledged; it was marked as put back and starts closed, deliveries have to be asked for again";
/// What is said of a file of the store that is not the one any more that is open.
pub const REPLACED: &str = " in the store's folder is no longer the file that this process has open (was the folder put back, moved or unmounted under \
     it?); nothing is acknowledged any more; put the folder back that was there (a backup only with `drehscheibe recover DIR`, while \
     nothing runs), then start; where it is lost, have the partners repeat their deliveries";

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The disk is full; nothing can be acknowledged.
    DiskFull,
    /// Nobody answers at the address.
    Unreachable,
    /// The server shows a certificate of an authority that is not trusted.
    Authority,
    /// The server's certificate is for another host.
    Host,
    /// The server's certificate has expired, or is not valid yet.
    Expired,
    /// The server refuses our certificate, or wants one.
    OursRefused,
    /// TLS was not agreed on with the server.
    Tls,
    /// The connection broke off in the middle.
    Lost,
    /// The server said that it goes, or is not yet there.
    Ended,
    /// A standby, or a server that was told to take no writes.
    ReadOnly,
    /// The embedded store's file may not be written.
    FileReadOnly,
    /// The store's folder may not be written by this user.
    FolderRights,
    /// The disk of the store's folder takes no writes.
    DiskReadOnly,
    /// Somebody else locks the file of the mark; who it is may follow.
    MarkHeld,
    /// The server has as many connections as it takes.
    NoConnection,
    /// All our own connections are busy for too long.
    PoolBusy,
    /// All our own readers of the embedded store are busy for too long.
    ReadersBusy,
    /// A statement took longer than it may.
    TooSlow,
    /// A lock was held for longer than we wait.
    Locked,
    /// Another process wrote at the same moment; the transaction is done again.
    Race,
    /// The login may not do what it must.
    Rights,
    /// The login is not accepted.
    Login,
    /// The database of the URL is not there.
    NoDatabase,
    /// An id or key is there already; done again, because another process may have been faster, and then said.
    Taken,
    /// A statement came after one that failed, in the same transaction.
    Over,
    /// Nothing of these.
    Other,
}

impl Trouble {
    /// A sentence for persons.
    pub fn says(self) -> &'static str {
        match self {
            Trouble::DiskFull => "the disk is full; free space where the store lies",
            Trouble::Unreachable => "PostgreSQL cannot be reached; connecting is tried again by itself",
            Trouble::Authority => {
                "PostgreSQL shows a certificate of an authority that is not trusted here; name that authority's file under `store.ca`, or, where \
     the server runs on this very machine, write `sslmode=disable` into its URL, in place of any other `sslmode` (Debian's server offers TLS \
     with a certificate of its own)"
            }
            Trouble::Host => {
                "PostgreSQL's certificate is for another host; write the host that it names into the URL, or have one issued for this one"
            }
            Trouble::Expired => {
                "PostgreSQL's certificate has expired or is not valid yet; have it replaced, compare the clocks"
            }
            Trouble::OursRefused => {
                "PostgreSQL refuses our certificate or wants one; look at pg_hba.conf and what it trusts"
            }
            Trouble::Tls => "TLS was not agreed on with PostgreSQL; compare its versions and `ssl` there",
            Trouble::Lost => "the connection to PostgreSQL was lost; it is made again by itself",
            Trouble::Ended => "PostgreSQL stops, starts or ended the connection; it is tried again by itself",
            Trouble::ReadOnly => "PostgreSQL is read-only (a standby?); it is tried again at the primary",
            Trouble::FileReadOnly => "the store's file is read-only; give the process the right to write",
            Trouble::FolderRights => {
                "the store's folder cannot be written; give the process the right to, or run it as the user that owns it"
            }
            Trouble::DiskReadOnly => {
                "the disk of the store's folder is read-only; look why (a disk that fails is made so by the system), then mount it writable"
            }
            Trouble::MarkHeld => {
                "another program holds keys.mark beside the key store, and nothing is acknowledged until it lets go; look who it is (`fuser`, \
     `lsof`), a backup program perhaps, and let it leave this file alone"
            }
            Trouble::NoConnection => {
                "PostgreSQL has no connection left; raise max_connections or the limit of the login"
            }
            Trouble::PoolBusy => "no connection to PostgreSQL is free in time; statements take too long",
            Trouble::ReadersBusy => "no reader of the store is free in time; reading takes too long",
            Trouble::TooSlow => "PostgreSQL took too long for a statement; look at its load",
            Trouble::Locked => {
                "another process holds a row of the store for too long; look for a transaction that does not end"
            }
            Trouble::Race => "another process wrote at the same moment, again and again",
            Trouble::Rights => {
                "the database login lacks a right; make it a member of the three roles and run `migrate`"
            }
            Trouble::Login => "PostgreSQL refuses the login; check user, password and pg_hba.conf",
            Trouble::NoDatabase => "the database does not exist; create it once, as the owner",
            Trouble::Taken => "an id or key of it is taken by another row",
            Trouble::Over => "PostgreSQL had given up the transaction already",
            Trouble::Other => "the store is in trouble; look at its log",
        }
    }

    /// The same for who asks once and goes: nothing of that is tried again by itself.
    pub fn once(self) -> &'static str {
        match self {
            Trouble::Unreachable => "PostgreSQL cannot be reached",
            Trouble::Lost => "the connection to PostgreSQL was lost",
            Trouble::Ended => "PostgreSQL stops, starts or ended the connection",
            Trouble::ReadOnly => "PostgreSQL is read-only (a standby?); name the primary",
            other => other.says(),
        }
    }

    /// The alarm that calls a person because of it; `None` for that of the kind of error.
    fn alarm(self) -> Option<Alarm> {
        match self {
            Trouble::DiskFull => Some(Alarm::StoreDiskFull),
            Trouble::Unreachable
            | Trouble::Authority
            | Trouble::Host
            | Trouble::Expired
            | Trouble::OursRefused
            | Trouble::Tls
            | Trouble::Lost
            | Trouble::Ended => Some(Alarm::StoreUnreachable),
            Trouble::ReadOnly | Trouble::FileReadOnly | Trouble::FolderRights | Trouble::DiskReadOnly => {
                Some(Alarm::StoreReadOnly)
            }
            Trouble::MarkHeld => Some(Alarm::StoreFileHeld),
            Trouble::NoConnection => Some(Alarm::StoreNoConnection),
            Trouble::PoolBusy | Trouble::ReadersBusy | Trouble::TooSlow | Trouble::Locked | Trouble::Race => {
                Some(Alarm::StoreSlow)
            }
            Trouble::Rights | Trouble::Login | Trouble::NoDatabase => Some(Alarm::StoreLogin),
            Trouble::Taken | Trouble::Over | Trouble::Other => None,
        }
    }
}

/// Why a store cannot do something: what is wrong, and a sentence of ours.
#[derive(Clone, PartialEq, Eq)]
pub struct Cause {
    trouble: Trouble,
    text: Cow<'static, str>,
}

impl Cause {
    /// The alarm of what it is; `None` where that has none of its own.
    pub fn alarm(&self) -> Option<Alarm> {
        self.trouble.alarm()
    }

    /// A trouble with more to say of it, such as who causes it.
    pub fn told(trouble: Trouble, more: &str) -> Cause {
        Cause { trouble, text: format!("{}{more}", trouble.says()).into() }
    }

    /// The same for who asks once and goes.
    pub fn once(&self) -> String {
        match self.text.strip_prefix(self.trouble.says()) {
            Some(more) => format!("{}{more}", self.trouble.once()),
            None => self.text.to_string(),
        }
    }

    /// Whether this is what is wrong.
    pub fn is(&self, trouble: Trouble) -> bool {
        self.trouble == trouble
    }
}

impl Deref for Cause {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.trouble, self.text)
    }
}

impl From<Trouble> for Cause {
    fn from(trouble: Trouble) -> Cause {
        Cause { trouble, text: trouble.says().into() }
    }
}

impl From<&'static str> for Cause {
    fn from(text: &'static str) -> Cause {
        Cause { trouble: Trouble::Other, text: text.into() }
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Cause {
        Cause { trouble: Trouble::Other, text: text.into() }
    }
}
