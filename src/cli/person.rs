//! Who acts: in the embedded mode the user of the operating system, marked unverified (rules.md 9).
//! Never believes the environment: a variable can be set by anyone.

use std::os::unix::fs::MetadataExt;

/// The acting person as it is recorded: `os:<name> (unverified)`.
pub fn acting() -> String {
    // The owner of the process's own entry is its effective user; asking the system directly would need unsafe code.
    let user = std::fs::metadata("/proc/self").map(|entry| entry.uid());
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    described(user.ok(), &known)
}

fn described(user: Option<u32>, known: &str) -> String {
    let Some(user) = user else { return "os:unknown (unverified)".to_owned() };
    let name = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(user) && !name.is_empty()).then(|| name.to_owned())
    });
    match name {
        Some(name) => format!("os:{name} (unverified)"),
        None => format!("os:uid-{user} (unverified)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_or_at_least_numbered() {
        let known = "root:x:0:0::/:/bin/sh\n::7:\nbroken\nleitung:x:1000:1000:Leitung:/:/bin/sh\n";
        assert_eq!(described(Some(1000), known), "os:leitung (unverified)");
        assert_eq!(described(Some(7), known), "os:uid-7 (unverified)");
        assert_eq!(described(Some(42), known), "os:uid-42 (unverified)");
        assert_eq!(described(None, known), "os:unknown (unverified)");
    }

    #[test]
    fn the_environment_is_not_asked() {
        assert!(acting().starts_with("os:") && acting().ends_with(" (unverified)"));
        assert_ne!(acting(), "os:unknown (unverified)");
    }
}
