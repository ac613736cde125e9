//! The digests that signatures may use. It never offers one that is broken: there is no SHA-1 and no MD5 to ask for.

use aws_lc_rs::{constant_time, digest};

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// SHA3-256 (FIPS 202).
    Sha3_256,
    /// SHA3-384 (FIPS 202).
    Sha3_384,
    /// SHA3-512 (FIPS 202).
    Sha3_512,
}

impl Digest {
    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Digest::Sha256 => &digest::SHA256,
            Digest::Sha384 => &digest::SHA384,
            Digest::Sha512 => &digest::SHA512,
            Digest::Sha3_256 => &digest::SHA3_256,
            Digest::Sha3_384 => &digest::SHA3_384,
            Digest::Sha3_512 => &digest::SHA3_512,
        }
    }

    /// The digest of octets that are all there.
    pub fn of(self, octets: &[u8]) -> Vec<u8> {
        digest::digest(self.algorithm(), octets).as_ref().to_vec()
    }

    /// A digest that is fed piece by piece.
    pub fn begin(self) -> Running {
        Running(digest::Context::new(self.algorithm()))
    }
}

/// A digest under way.
pub struct Running(digest::Context);

impl Running {
    /// Takes the next octets in.
    pub fn feed(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest of all that was fed.
    pub fn end(self) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

/// Whether two octet strings are equal, in a time that does not depend on where they differ.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // FIPS 180-4 and FIPS 202, example "abc".
        for (digest, begins) in [
            (Digest::Sha256, "ba7816bf8f01cfea"),
            (Digest::Sha384, "cb00753f45a35e8b"),
            (Digest::Sha512, "ddaf35a193617aba"),
            (Digest::Sha3_256, "3a985da74fe225b2"),
            (Digest::Sha3_384, "ec01498288516fc9"),
            (Digest::Sha3_512, "b751850b1a57168a"),
        ] {
            assert!(hex::encode(digest.of(b"abc")).starts_with(begins), "{digest:?}");
            let mut running = digest.begin();
            running.feed(b"a");
            running.feed(b"bc");
            assert!(equal(&running.end(), &digest.of(b"abc")));
        }
    }
}
