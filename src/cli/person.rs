//! Who acts: in the embedded mode the user of the operating system, marked unverified (rules.md 9). Who changed the user since the login
//! (`sudo`) is who logged in: the kernel keeps that, so several persons stay several at a store that one user owns.
//! Never believes the environment: a variable can be set by anyone.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

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

/// What somebody has to do whom the system does not let into a store's folder. The system is asked, because numbers of users say nothing of
/// access lists and capabilities.
pub fn not_owner(folder: &Path) -> Option<String> {
    let owner = std::fs::metadata(folder).map(|found| found.uid()).ok()?;
    let enters = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    match accessat(CWD, folder, enters, AtFlags::EACCESS) {
        // Other failures are told by the store itself, when it is opened.
        Err(Errno::ACCESS) => Some(told(owner, effective()?, &users())),
        _ => None,
    }
}

fn told(owner: u32, user: u32, known: &str) -> String {
    let (owner, user) = (name(owner, known), name(user, known));
    format!(
        "the store belongs to the user {owner} and the system does not let you in, you are {user}; run the command as its owner: \
         `sudo -u {owner} drehscheibe …`. Recorded is who logged in, so a second person does the same from a login of its own"
    )
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
    fn who_is_not_let_in_is_told_what_to_do() {
        let known = "root:x:0:0::/:/bin/sh\ndrehscheibe:x:998:998::/:/bin/false\nleitung:x:1000:1000:Leitung:/:/bin/sh\n";
        let said = told(998, 1000, known);
        assert!(
            said.contains("you are leitung") && said.contains("`sudo -u drehscheibe drehscheibe …`"),
            "{said}"
        );
    }

    #[test]
    fn the_system_says_who_enters() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(not_owner(folder.path()), None);
        assert_eq!(not_owner(&folder.path().join("none")), None, "that there is none others say");
        let shut =
            |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        shut(0o000);
        // Whom capabilities let in enters whatever the bits say.
        let enters = std::fs::read_dir(folder.path()).is_ok();
        assert_eq!(not_owner(folder.path()).is_none(), enters);
        shut(0o700);
        assert_eq!(not_owner(folder.path()), None);
    }

    #[test]
    fn the_environment_is_not_asked() {
        assert!(acting().starts_with("os:") && acting().ends_with(" (unverified)"));
        assert_ne!(acting(), "os:unknown (unverified)");
    }
}
