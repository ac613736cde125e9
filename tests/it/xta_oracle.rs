//! A second judge of what is read: envelopes that foreign stacks built are damaged line by line, and whatever our reader still
//! takes strictly the official schemas must take, too (where they lie beside the repository and xmllint is installed).

use bytes::Bytes;
use drehscheibe::transport::xta::names::Module;
use drehscheibe::transport::xta::receive;

use crate::xta_support::{Recorded, recorded, refused_by_schema, strict};

/// Every way in which one line of an envelope is damaged.
fn mutants(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let own = line.trim_start();
        // What is no element of XTA, and what SOAP and addressing say, is judged elsewhere.
        if !own.starts_with('<')
            || [
                "<?",
                "</",
                "<soap-env",
                "<wsa:Action",
                "<wsa:To",
                "<wsa:MessageID>urn:uuid:",
                "<S:",
                "<Action ",
                "<MessageID ",
                "<RelatesTo ",
                "<To ",
            ]
            .iter()
            .any(|begin| own.starts_with(begin))
        {
            continue;
        }
        let mut put = |what: &str, instead: Vec<String>| {
            let before = lines[..at].iter().map(|line| (*line).to_owned());
            let after = lines[at + 1..].iter().map(|line| (*line).to_owned());
            let all: Vec<String> = before.chain(instead).chain(after).collect();
            found.push((format!("{what} in line {}", at + 1), all.join("\n")));
        };
        let whole = own.contains("</") || own.ends_with("/>");
        let line = (*line).to_owned();
        if whole {
            put("element taken out", vec![]);
            put("element twice", vec![line.clone(), line.clone()]);
            if let Some(next) = lines.get(at + 1).filter(|next| {
                next.contains("</")
                    && next.trim_start().starts_with('<')
                    && !next.trim_start().starts_with("</")
            }) {
                let rest = lines[at + 2..].join("\n");
                found.push((
                    format!("order in line {}", at + 1),
                    format!("{}\n{next}\n{line}\n{rest}", lines[..at].join("\n")),
                ));
            }
        }
        let mut put = |what: &str, instead: String| {
            let all = [&lines[..at], &[instead.as_str()], &lines[at + 1..]].concat();
            found.push((format!("{what} in line {}", at + 1), all.join("\n")));
        };
        if let Some((start, end)) = line.find('>').zip(line.rfind("</")).filter(|(start, end)| start < end) {
            let (head, tail) = (&line[..=start], &line[end..]);
            for text in
                ["", " ", "x y", "-1", "0", "1.5", "true", "2026-02-30T00:00:00Z", "<a/>", "%", "urn:a#b#c"]
            {
                put(&format!("text {text:?}"), format!("{head}{text}{tail}"));
            }
        }
        put(
            "attribute more",
            line.replacen(['>'], " strange=\"1\">", 1).replace("/ strange=\"1\">", " strange=\"1\"/>"),
        );
        let mut from = 0;
        while let Some(start) = line[from..].find("=\"").map(|start| start + from) {
            let end = line[start + 2..].find('"').unwrap() + start + 2;
            let name = line[..start].rfind(' ').unwrap();
            if !line[name..start].contains("xmlns") {
                put("attribute less", format!("{}{}", &line[..name], &line[end + 1..]));
                for value in ["", "x y", "-1", "0", "true"] {
                    put(
                        &format!("attribute {value:?}"),
                        format!("{}{value}{}", &line[..start + 2], &line[end..]),
                    );
                }
            }
            from = end + 1;
        }
    }
    found
}

/// Damages the envelopes of a folder, and has what `takes` still takes judged by the schemas.
fn judge(folder: &str, ending: &str, module: Module, least: usize, takes: &dyn Fn(&Recorded, Bytes) -> bool) {
    let (mut names, mut taken, mut all) = (Vec::new(), Vec::new(), 0);
    for envelope in recorded(ending).into_iter().filter(|found| found.name.starts_with(folder)) {
        assert!(takes(&envelope, envelope.octets.clone()), "{}", envelope.name);
        let text = String::from_utf8(envelope.octets.to_vec()).unwrap();
        for (what, mutant) in mutants(&text) {
            all += 1;
            if takes(&envelope, mutant.clone().into()) {
                names.push(format!("{}: {what}", envelope.name));
                taken.push(mutant);
            }
        }
    }
    // Neither everything nor nothing: both would judge nobody.
    assert!(!taken.is_empty() && all - taken.len() > least, "{all} {}", taken.len());
    let Some(refused) = refused_by_schema(module, &taken) else { return };
    let wrong: Vec<String> = refused.iter().map(|(at, why)| format!("{}: {why}", names[*at])).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), taken.len(), wrong.join("\n"));
}

#[test]
fn requests_that_are_taken_strictly_are_valid_to_the_official_schemas() {
    for (folder, module) in [("zeep-requests-211/", Module::Xta211), ("zeep-requests-core/", Module::Core311)]
    {
        let takes = |_: &Recorded, octets| receive::request(octets, &[], &strict()).is_ok();
        judge(folder, ".request.xml", module, 400, &takes);
    }
}

#[test]
fn responses_that_are_taken_strictly_are_valid_to_the_official_schemas() {
    let takes = |recorded: &Recorded, octets| {
        receive::response(octets, Module::Xta211, recorded.operation(), &strict()).is_ok()
    };
    judge("responses-indented/", ".response.xml", Module::Xta211, 200, &takes);
}
