//! Where a store lies: a folder, or an address that may hold a password and is therefore never printed. Opens nothing.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::store::error::StoreError;

/// Where a store lies.
#[derive(Clone)]
pub enum Lies {
    /// In a folder.
    Folder(PathBuf),
    /// At an address with parameters of ours, see `postgres::settings`.
    Address(SecretString),
}

impl fmt::Debug for Lies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lies::Folder(folder) => write!(f, "Folder({})", folder.display()),
            Lies::Address(_) => f.write_str("Address(..)"),
        }
    }
}

impl Lies {
    /// An address.
    pub fn at(address: impl Into<String>) -> Lies {
        Lies::Address(address.into().into())
    }

    /// The folder of an embedded store.
    pub fn folder(&self) -> Result<&Path, StoreError> {
        match self {
            Lies::Folder(folder) => Ok(folder),
            Lies::Address(_) => Err(StoreError::Refused("an embedded store lies in a folder".into())),
        }
    }

    /// The address of a store on a server.
    pub fn address(&self) -> Result<&str, StoreError> {
        match self {
            Lies::Address(address) => Ok(address.expose_secret()),
            Lies::Folder(_) => Err(StoreError::Refused("this store needs the address of its server".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_never_printed() {
        let lies = Lies::at("postgresql://u:geheim@h/d");
        assert!(!format!("{lies:?}").contains("geheim"));
        assert_eq!(lies.address().unwrap(), "postgresql://u:geheim@h/d");
        assert!(lies.folder().is_err() && Lies::Folder("x".into()).address().is_err());
    }
}
