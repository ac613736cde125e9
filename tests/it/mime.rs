//! The multipart room at its boundary: cuts, limits, round trips, and agreement with another reader.

use bytes::Bytes;
use drehscheibe::mime::fault::MimeError;
use drehscheibe::mime::headers::Headers;
use drehscheibe::mime::media::{Boundary, boundary_of, quoted};
use drehscheibe::mime::reader::{Event, Limits, Reader};
use drehscheibe::mime::writer::Writer;
use futures_util::stream;
use proptest::prelude::*;

fn limits() -> Limits {
    Limits { parts: 8, headers: 4, header_bytes: 256, body_bytes_total: 4096, part_bytes: 2048 }
}

fn boundary() -> Boundary {
    Boundary::new("b-1").unwrap()
}

type Part = (Headers, Vec<u8>);

/// Feeds `body` in the given pieces and puts the parts together; checks the order of events on the way.
fn read_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> Result<Vec<Part>, MimeError> {
    let mut reader = Reader::new(&boundary(), limits);
    let mut parts: Vec<Part> = Vec::new();
    let (mut open, mut ended) = (false, false);
    for piece in pieces {
        for event in reader.feed(piece)? {
            assert!(!ended, "event after the end");
            match event {
                Event::PartStart(headers) => {
                    assert!(!std::mem::replace(&mut open, true));
                    parts.push((headers, Vec::new()));
                }
                Event::Data(data) => {
                    assert!(open && !data.is_empty());
                    parts.last_mut().unwrap().1.extend_from_slice(&data);
                }
                Event::PartEnd => assert!(std::mem::replace(&mut open, false)),
                Event::End => {
                    assert!(!open);
                    ended = true;
                }
            }
        }
    }
    reader.finish()?;
    assert!(ended, "finished without an end");
    Ok(parts)
}

fn read(body: &[u8]) -> Result<Vec<Part>, MimeError> {
    let whole = read_pieces([body], limits());
    let single = read_pieces(body.chunks(1), limits());
    assert_eq!(whole, single, "cut into single octets");
    whole
}

fn contents(body: &[u8]) -> Vec<Vec<u8>> {
    read(body).unwrap().into_iter().map(|(_, content)| content).collect()
}

#[test]
fn parts_come_out_as_they_went_in() {
    let body = b"preamble\r\n--b-1 \t\r\nContent-ID: <a>\r\nX:\r\n 1\r\n\r\none\r\n--b-1\r\n\r\n\r\n\r\n--b-1--\r\nepilogue";
    let parts = read(body).unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].0.content_id(), Some("a"));
    assert_eq!(parts[0].0.get("x"), Some("1"));
    assert_eq!((parts[0].1.as_slice(), parts[1].1.as_slice()), (&b"one"[..], &b"\r\n"[..]));
}

#[test]
fn a_part_may_be_empty_in_both_ways() {
    assert_eq!(contents(b"--b-1\r\nX: y\r\n\r\n--b-1\r\nX: y\r\n\r\n\r\n--b-1\r\n\r\n--b-1--"), [b""; 3]);
    assert_eq!(contents(b"--b-1--"), Vec::<Vec<u8>>::new());
}

#[test]
fn what_merely_looks_like_a_boundary_is_content() {
    let padding = " ".repeat(65);
    for content in [
        "--b-1",
        "x\n--b-1\n",
        "x\r--b-1\r",
        "\r\n--b-",
        "\r\n--b-1x",
        "\r\n--b-1 x\r\n",
        "\r\n--b-1-",
        "\r\n -b-1",
        "\r\n--b-2--\r\n",
        "\r\r\n--b",
        "\r\n\r\n--B-1\r\n",
        "\r\n--b-1\n",
        "\r\n--b-1\rx",
        "x--b-1--\r\n",
        &format!("\r\n--b-1{padding}\r\n"),
    ] {
        // A line of its own directly behind the headers would be a boundary: set one octet before it.
        let content = format!(".{content}.");
        let body = format!("--b-1\r\n\r\n{content}\r\n--b-1--\r\n");
        assert_eq!(contents(body.as_bytes()), [content.as_bytes()], "{content:?}");
    }
}

#[test]
fn a_body_that_is_not_whole_or_not_lawful_is_refused() {
    let fault = |body: &str| read(body.as_bytes()).unwrap_err();
    for body in [
        "",
        "text",
        "--b-1",
        "--b-1\r\n",
        "--b-1\r\nX: y\r\n\r\ncontent",
        "--b-1\r\n\r\ncontent\r\n--b-1",
        "--b-1\r\n\r\nc\r\n--b-1-",
        "--b-1\n\nc\n--b-1--\n",
    ] {
        assert_eq!(fault(body), MimeError::NoFinal, "{body:?}");
    }
    assert_eq!(fault("--b-1--x"), MimeError::AfterFinal);
    assert_eq!(fault("--b-1--\r"), MimeError::AfterFinal);
    assert_eq!(fault("--b-1\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"), MimeError::Nested);
    assert_eq!(fault("--b-1\r\n--b-1\r\n\r\n"), MimeError::BadHeader("line without a colon"));
}

#[test]
fn every_limit_holds() {
    let fault = |body: &str| read(body.as_bytes()).unwrap_err();
    let within = |body: &str| read(body.as_bytes()).map(|parts| parts.len());
    let ends = "\r\n--b-1--";
    let parts = |count| format!("{}--b-1--", "--b-1\r\n\r\n\r\n".repeat(count));
    assert_eq!(within(&parts(8)), Ok(8));
    assert_eq!(fault(&parts(9)), MimeError::TooManyParts);
    let headers = |count| format!("--b-1\r\n{}\r\n{ends}", "X: y\r\n".repeat(count));
    assert_eq!(within(&headers(4)), Ok(1));
    assert_eq!(fault(&headers(5)), MimeError::TooManyHeaders);
    let long = |length: usize| format!("--b-1\r\nX: {}\r\n\r\n{ends}", "y".repeat(length - 5));
    assert_eq!(within(&long(256)), Ok(1));
    assert_eq!(fault(&long(257)), MimeError::HeadersTooLarge);
    assert_eq!(fault(&format!("--b-1\r\nX: {}", "y".repeat(3000))), MimeError::HeadersTooLarge);
    let part = |length| format!("--b-1\r\n\r\n{}{ends}", "y".repeat(length));
    assert_eq!(within(&part(2048)), Ok(1));
    assert_eq!(fault(&part(2049)), MimeError::PartTooLarge);
    let body = |length: usize| format!("{:<length$}", "--b-1--\r\n");
    assert_eq!(within(&body(4096)), Ok(0));
    assert_eq!(fault(&body(4097)), MimeError::BodyTooLarge);
}

#[test]
fn a_fault_stays() {
    let mut reader = Reader::new(&boundary(), limits());
    assert_eq!(reader.feed(b"--b-1--x"), Err(MimeError::AfterFinal));
    assert_eq!(reader.feed(b"--b-1--\r\n"), Err(MimeError::AfterFinal));
    assert_eq!(reader.finish(), Err(MimeError::AfterFinal));
}

#[test]
fn the_writer_lets_nothing_through_that_breaks_the_frame() {
    let mut writer = Writer::new(&boundary());
    assert_eq!(writer.data(Bytes::from("x")), Err(MimeError::OutsidePart));
    assert!(writer.start_part(&[("X", "a\r\nY: b")]).is_err());
    assert!(writer.start_part(&[("X Y", "a")]).is_err());
    writer.start_part(&[]).unwrap();
    assert!(writer.data(Bytes::from("\r\r\n--b-")).is_ok());
    assert_eq!(writer.data(Bytes::from("1")), Err(MimeError::BoundaryInContent));
    assert_eq!(writer.data(Bytes::from("1")), Err(MimeError::BoundaryInContent));
    writer.start_part(&[]).unwrap();
    assert_eq!(writer.data(Bytes::from("--b-1")), Err(MimeError::BoundaryInContent));
}

#[test]
fn a_package_with_its_headers_inside_is_read_in_two_steps() {
    // The form of OSCI 1.2: the HTTP body begins with the headers of the package.
    let package = "MIME-Version: 1.0\r\nContent-Type: Multipart/Related; boundary=b-1; type=text/xml\r\n\r\n\
                   --b-1\r\nContent-Type: text/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\
                   Content-ID: <osci@message>\r\n\r\n<a/>\r\n--b-1--\r\n";
    let (block, body) = package.split_once("\r\n\r\n").unwrap();
    let head = Headers::parse(block.as_bytes(), 8).unwrap();
    let kind = boundary_of(head.content_type().unwrap()).unwrap();
    assert_eq!(kind.boundary, boundary());
    let parts = read(body.as_bytes()).unwrap();
    assert_eq!((parts[0].0.content_id(), parts[0].1.as_slice()), (Some("osci@message"), &b"<a/>"[..]));
}

/// Octets that come near boundaries again and again.
fn near_boundaries(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let bit = prop_oneof![
        Just(&b"\r\n--b-1"[..]),
        Just(&b"--b-1"[..]),
        Just(&b"--"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"\n"[..]),
        Just(&b"-"[..]),
        Just(&b"b"[..]),
        Just(&b" "[..]),
        Just(&b"X: y"[..]),
        Just(&b"\0\xFF"[..]),
        Just(&b"Content-Type: multipart/"[..]),
    ];
    prop::collection::vec(bit, 0..most).prop_map(|bits| bits.concat())
}

fn cut<'a>(body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    places.extend([0, body.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect()
}

fn write(parts: &[(String, Vec<u8>)], cuts: &[usize]) -> Result<Vec<u8>, MimeError> {
    let mut writer = Writer::new(&boundary());
    let mut body = Vec::new();
    for (name, content) in parts {
        let disposition = format!("form-data; name={}", quoted(name)?);
        body.extend(writer.start_part(&[("Content-Disposition", &disposition)])?);
        for piece in cut(content, cuts) {
            body.extend(writer.data(Bytes::copy_from_slice(piece))?);
        }
    }
    body.extend(writer.end());
    Ok(body)
}

fn read_with_multer(body: Vec<u8>) -> Result<Vec<(String, Vec<u8>)>, multer::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let pieces = stream::iter(
            body.chunks(7)
                .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
                .collect::<Vec<_>>(),
        );
        let mut multipart = multer::Multipart::new(pieces, "b-1");
        let mut parts = Vec::new();
        while let Some(field) = multipart.next_field().await? {
            parts.push((field.name().unwrap_or_default().to_owned(), field.bytes().await?.to_vec()));
        }
        Ok(parts)
    })
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(body in near_boundaries(40), cuts in prop::collection::vec(any::<usize>(), 0..12)) {
        prop_assert_eq!(read_pieces([body.as_slice()], limits()), read_pieces(cut(&body, &cuts), limits()));
    }

    #[test]
    fn any_cut_of_a_lawful_body_gives_the_same(
        inside in prop::collection::vec(near_boundaries(8), 0..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut body = Vec::new();
        for content in &inside {
            body.extend_from_slice(b"\r\n--b-1\r\nX: y\r\n\r\n.");
            body.extend_from_slice(content);
        }
        body.extend_from_slice(b"\r\n--b-1--\r\n");
        prop_assert_eq!(read_pieces([body.as_slice()], limits()), read_pieces(cut(&body, &cuts), limits()));
    }

    #[test]
    fn what_is_written_is_read_back_here_and_elsewhere(
        parts in prop::collection::vec(("[a-zäöü\"\\\\ ;=]{1,12}", near_boundaries(8)), 0..5),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        match write(&parts, &cuts) {
            Ok(body) => {
                let read: Vec<(String, Vec<u8>)> = read_pieces(cut(&body, &cuts), limits()).unwrap().into_iter()
                    .map(|(headers, content)| (headers.name().unwrap().to_owned(), content)).collect();
                prop_assert_eq!(&read, &parts);
                let elsewhere = read_with_multer(body).unwrap();
                let contents = |parts: &[(String, Vec<u8>)]| parts.iter().map(|(_, content)| content.clone()).collect::<Vec<_>>();
                prop_assert_eq!(contents(&elsewhere), contents(&parts));
                // multer does not take the escapes of quoted strings back; compare names without them.
                for ((theirs, _), (ours, _)) in elsewhere.iter().zip(&parts) {
                    if !ours.contains(['"', '\\', ';', '=']) {
                        prop_assert_eq!(theirs, ours);
                    }
                }
            }
            Err(fault) => {
                prop_assert_eq!(fault, MimeError::BoundaryInContent);
                let holds = |content: &[u8]| [b"\r\n", content].concat().windows(7).any(|octets| octets == b"\r\n--b-1");
                prop_assert!(parts.iter().any(|(_, content)| holds(content)));
            }
        }
    }
}
