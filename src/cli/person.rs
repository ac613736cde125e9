//! Who acts: in the embedded mode the user of the operating system, marked unverified (rules.md 9). Who changed the user since the login
//! (`sudo`) is who logged in: the kernel keeps that, so several persons stay several at a store that one user owns.
//! Never believes the environment: a variable can be set by anyone.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The acting person as it is recorded: `os:<name> (unverified)`.
pub fn acting() -> String {
    // What the kernel noted at the login; a process that came from no login has none.
    let login = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
    described(login.filter(|login| *login != NOBODY).or_else(effective), &users())
}

/// The number that the kernel gives where nobody logged in.
const NOBODY: u32 = u32::MAX;

/// The user that this process acts as.
fn effective() -> Option<u32> {
    // The owner of the process's own entry; asking the system directly would need unsafe code.
    std::fs::metadata("/proc/self").map(|entry| entry.uid()).ok()
}

fn users() -> String {
    std::fs::read_to_string("/etc/passwd").unwrap_or_default()
}

fn name(user: u32, known: &str) -> String {
    let found = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(user) && !name.is_empty()).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| format!("uid-{user}"))
}

fn described(user: Option<u32>, known: &str) -> String {
    format!("os:{} (unverified)", user.map_or_else(|| "unknown".to_owned(), |user| name(user, known)))
}

/// What somebody has to do who is not the owner of a store's folder, which nobody else can enter.
pub fn not_owner(folder: &Path) -> Option<String> {
    let owner = std::fs::metadata(folder).map(|found| found.uid()).ok()?;
    told(owner, effective()?, &users())
}

fn told(owner: u32, user: u32, known: &str) -> Option<String> {
    if user == owner || user == 0 {
        return None;
    }
    let (owner, user) = (name(owner, known), name(user, known));
    Some(format!(
        "the store belongs to the user {owner} and nobody else can enter it, you are {user}; run the command as its owner: \
         `sudo -u {owner} drehscheibe …`. Recorded is who logged in, so a second person does the same from a login of its own"
    ))
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
    fn who_does_not_own_the_store_is_told_what_to_do() {
        let known = "root:x:0:0::/:/bin/sh\ndrehscheibe:x:998:998::/:/bin/false\nleitung:x:1000:1000:Leitung:/:/bin/sh\n";
        let said = told(998, 1000, known).unwrap();
        assert!(
            said.contains("you are leitung") && said.contains("`sudo -u drehscheibe drehscheibe …`"),
            "{said}"
        );
        assert_eq!(told(998, 998, known), None);
        assert_eq!(told(998, 0, known), None, "root enters");
    }

    #[test]
    fn the_environment_is_not_asked() {
        assert!(acting().starts_with("os:") && acting().ends_with(" (unverified)"));
        assert_ne!(acting(), "os:unknown (unverified)");
    }
}
