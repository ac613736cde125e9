//! What a panic says: the place in the program and nothing else. Its text can quote a message (a slice that ends inside a character
//! prints the whole string), so it reaches neither log nor terminal. Catches no panic.

use std::panic::Location;

/// From now on a panic of any thread prints its place only; called once, first of all.
pub fn say_places_only() {
    std::panic::set_hook(Box::new(|panic| say(panic.location())));
}

#[expect(clippy::print_stderr, reason = "a command that keeps no log has nowhere else to say it")]
fn say(location: Option<&Location<'_>>) {
    let place = location.map_or_else(|| "unknown".to_owned(), |at| place(at.file(), at.line()));
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(place, "an error of this program; report version and place to the maintainers");
    } else {
        eprintln!(
            "drehscheibe: an error of this program at {place}; report version and place to the maintainers"
        );
    }
}

/// File and line as they stand in their package, without the folders of the machine that built it.
fn place(file: &str, line: u32) -> String {
    let file = match file.rfind("/src/") {
        Some(at) => {
            let package = file[..at].rfind('/').map_or(0, |slash| slash + 1);
            &file[package..]
        }
        None => file,
    };
    format!("{file}:{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_package_file_and_line_and_no_machine() {
        assert_eq!(place("src/engine/commit.rs", 7), "src/engine/commit.rs:7");
        let built = "/build/packages/memchr-2.7.1/src/lib.rs";
        assert_eq!(place(built, 9), "memchr-2.7.1/src/lib.rs:9");
        assert_eq!(place("/rustc/abc/library/core/src/str/mod.rs", 1), "core/src/str/mod.rs:1");
    }
}
