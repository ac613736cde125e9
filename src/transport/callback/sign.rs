//! Signatures of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, one per key. Never prints a key.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// A signing key.
pub struct Key(hmac::Key);

impl Key {
    /// Reads `whsec_` and Base64 of 24 to 64 octets; the fault says what is allowed and nothing of the secret.
    pub fn read(secret: &SecretString) -> Result<Key, &'static str> {
        const ALLOWED: &str = "must be `whsec_` and the Base64 of 24 to 64 random octets";
        let encoded = secret.expose_secret().strip_prefix("whsec_").ok_or(ALLOWED)?;
        let octets = zeroize::Zeroizing::new(STANDARD.decode(encoded).map_err(|_| ALLOWED)?);
        if !(24..=64).contains(&octets.len()) {
            return Err(ALLOWED);
        }
        Ok(Key(hmac::Key::new(hmac::HMAC_SHA256, &octets)))
    }
}

/// The value of `webhook-signature`: one `v1` signature per key, separated by spaces.
pub fn header(keys: &[Key], id: &str, timestamp: &str, body: &[u8]) -> String {
    let signatures: Vec<String> = keys
        .iter()
        .map(|key| {
            let mut context = hmac::Context::with_key(&key.0);
            context.update(id.as_bytes());
            context.update(b".");
            context.update(timestamp.as_bytes());
            context.update(b".");
            context.update(body);
            format!("v1,{}", STANDARD.encode(context.sign()))
        })
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let key = Key::read(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).map_err(str::to_owned).unwrap();
        let other =
            Key::read(&format!("whsec_{}", STANDARD.encode([7u8; 32])).into()).unwrap_or_else(|_| panic!());
        let of = |keys: &[Key]| {
            header(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#)
        };
        let both = of(&[key, other]);
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(second.starts_with("v1,") && second != first);
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_its_text() {
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!!!", "whsec_AAAA"] {
            let Err(text) = Key::read(&bad.into()) else { panic!("{bad} was taken") };
            assert!(text.contains("24 to 64"));
        }
    }
}
