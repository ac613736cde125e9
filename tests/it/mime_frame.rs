//! OSCI's frame at its boundary: what is written is read, whatever the octets are; and nothing that comes ends in a panic.

use bytes::Bytes;
use drehscheibe::mime::frame::{NewPart, read, write};
use drehscheibe::mime::media::Boundary;
use drehscheibe::mime::reader::Limits;
use proptest::prelude::*;

/// Octets as they trouble readers: line ends, dashes and what looks like a boundary among them.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n--".to_vec()),
        Just(b"\r\n--b".to_vec()),
        Just(b"\r\n--b+/x".to_vec()),
        Just(b"--b+/".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"Content-ID: <x>\r\n\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(contents in prop::collection::vec(octets(), 1..5)) {
        let boundary = Boundary::new("b+/").unwrap();
        let ids: Vec<String> = (0..contents.len()).map(|at| format!("<{at}@osci>")).collect();
        let heads: Vec<[(&str, &str); 1]> = ids.iter().map(|id| [("Content-ID", id.as_str())]).collect();
        let parts: Vec<NewPart<'_>> = heads.iter().zip(&contents).map(|(head, content)| (&head[..], &content[..])).collect();
        let holds = contents.iter().any(|content| content.windows(5).any(|window| window == b"--b+/"));
        let Some(body) = write(&boundary, &parts) else {
            prop_assert!(holds);
            return Ok(());
        };
        prop_assert!(!holds);
        let read = read(&Bytes::from(body), None, &Limits::default()).unwrap();
        prop_assert_eq!(read.len(), contents.len());
        for ((part, content), id) in read.iter().zip(&contents).zip(&ids) {
            prop_assert_eq!(&part.transferred, content);
            prop_assert_eq!(part.headers.content_id().unwrap(), id.trim_matches(['<', '>']));
        }
    }

    #[test]
    fn whatever_comes_nothing_panics_and_no_part_is_larger_than_what_came(body in octets(), head in 0..3usize) {
        let head: &[u8] = match head {
            0 => b"MIME-Version: 1.0\r\nContent-Type: Multipart/Related; boundary=b+/\r\n\r\n--b+/\r\n",
            1 => b"Content-Type: multipart/related; boundary=\"b\"\n\n--b\n",
            _ => b"",
        };
        let body = Bytes::from([head, &body].concat());
        let size = body.len();
        if let Ok(parts) = read(&body, None, &Limits::default()) {
            prop_assert!(parts.iter().map(|part| part.transferred.len()).sum::<usize>() <= size);
        }
    }
}
