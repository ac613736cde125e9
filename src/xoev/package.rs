//! Loads the folder of packages: the only place of this room that touches files. Every fault of every file is
//! collected; a set is loaded whole or not at all.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

use crate::register::fields;
use crate::schema::automaton::Patterns;
use crate::xoev::codelist::{CodeList, CodeLists};
use crate::xoev::compiled::{MessageType, Package, Reading};
use crate::xoev::fault::{PackageFault, nearest};
use crate::xoev::manifest::{PackageFile, ReadFile, RulesFile};
use crate::xoev::mapping::{self, Automaton, Paths, did_you_mean};
use crate::xoev::rules::Rules;
use crate::xoev::schema::{self, Files};
use crate::xoev::set::PackageSet;
use crate::xoev::shape::{Name, Shape};
use crate::xoev::template::{Form, Templates};
use crate::xoev::within::Within;
use crate::xoev::written::Shapes;

/// Folder of schemas that all packages may use.
const BASE: &str = "base";
/// Largest file that is read, octets.
const LARGEST_FILE: u64 = 16 << 20;

/// Loads all packages below `folder` (`<standard>/<version>/package.yaml`), with the schemas of `base/`.
///
/// Gives every fault of every file; a folder without packages is one.
pub fn load(folder: &Path) -> Result<PackageSet, Vec<PackageFault>> {
    let mut faults = Vec::new();
    let mut packages = Vec::new();
    let patterns = Patterns::default();
    let mut base = Files::new();
    read_folder(&folder.join(BASE), BASE, &mut base, &mut faults);
    let mut hash = Context::new(&SHA256);
    update(&mut hash, &base);
    let mut hashes = BTreeMap::from([(BASE.to_owned(), digest(&base))]);
    for standard in folders(folder, "", &mut faults).into_iter().filter(|name| name != BASE) {
        for version in folders(&folder.join(&standard), &standard, &mut faults) {
            let at = format!("{standard}/{version}");
            let mut files = Files::new();
            read_folder(&folder.join(&standard).join(&version), &at, &mut files, &mut faults);
            update(&mut hash, &files);
            hashes.insert(at.clone(), digest(&files));
            files.extend(base.iter().map(|(name, text)| (name.clone(), text.clone())));
            match build(&at, files, &patterns) {
                Ok(package) => packages.push(package),
                Err(more) => faults.extend(more),
            }
        }
    }
    for (at, package) in packages.iter().enumerate() {
        if packages[..at]
            .iter()
            .any(|other: &Package| other.standard == package.standard && other.version == package.version)
        {
            let text =
                format!("loaded twice: {} {}; remove one of the folders", package.standard, package.version);
            faults.push(PackageFault::of(&package.standard, text));
        }
    }
    for package in &packages {
        let (Some(message), Some(version)) = (&package.rejection, &package.rejection_version) else {
            continue;
        };
        let written = packages.iter().any(|other: &Package| {
            message.split_once('.').is_some_and(|(standard, _)| standard == other.standard)
                && other.version == *version
                && other.templates.has(message)
        });
        if !written && faults.is_empty() {
            let at = format!("{}/{}/package.yaml", package.standard, package.version);
            let text = format!(
                "no package writes {message} {version}; add it or correct rejection, rejection-version"
            );
            faults.push(PackageFault::of(&at, text));
        }
    }
    if packages.is_empty() && faults.is_empty() {
        faults.push(PackageFault::of("", "no packages; expected <standard>/<version>/package.yaml"));
    }
    if faults.is_empty() {
        Ok(PackageSet::new(packages, hex::encode(hash.finish()), hashes))
    } else {
        faults.sort();
        faults.dedup();
        Err(faults)
    }
}

/// The files that belong to a package, for whoever compares or renews it: those of the folder `<standard>/<version>` or of
/// `base`, by path below the folder of packages.
pub fn files(folder: &Path, at: &str) -> Result<Files, Vec<PackageFault>> {
    let (mut files, mut faults) = (Files::new(), Vec::new());
    read_folder(&folder.join(at), at, &mut files, &mut faults);
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

/// The folders `<standard>/<version>` of packages, in the order in which they are loaded.
pub fn found(folder: &Path) -> Result<Vec<String>, Vec<PackageFault>> {
    let mut faults = Vec::new();
    let mut found = Vec::new();
    for standard in folders(folder, "", &mut faults).into_iter().filter(|name| name != BASE) {
        for version in folders(&folder.join(&standard), &standard, &mut faults) {
            found.push(format!("{standard}/{version}"));
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// SHA-256 over files, in hexadecimal digits.
pub fn digest(files: &Files) -> String {
    let mut hash = Context::new(&SHA256);
    update(&mut hash, files);
    hex::encode(hash.finish())
}

fn update(hash: &mut Context, files: &Files) {
    for (name, text) in files {
        for part in [name.as_bytes(), text.as_bytes()] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
}

fn folders(folder: &Path, at: &str, faults: &mut Vec<PackageFault>) -> Vec<String> {
    let mut names: Vec<String> = match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect(),
        Err(error) => {
            faults.push(PackageFault::of(at, format!("cannot read the folder: {}", error.kind())));
            Vec::new()
        }
    };
    names.sort();
    names
}

/// Reads the text files of a folder and of the folders in it; samples are data of tests, not of the package.
fn read_folder(folder: &Path, at: &str, files: &mut Files, faults: &mut Vec<PackageFault>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        faults.push(PackageFault::of(at, "cannot read the folder"));
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let inner = format!("{at}/{name}");
        if path.is_dir() {
            if name != "samples" {
                read_folder(&path, &inner, files, faults);
            }
        } else if [".xsd", ".xml", ".yaml", ".json"].iter().any(|ending| name.ends_with(ending)) {
            let size = entry.metadata().map_or(0, |data| data.len());
            if size > LARGEST_FILE {
                faults.push(PackageFault::of(&inner, "file is too large; at most 16 MiB"));
                continue;
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    files.insert(inner, text);
                }
                Err(error) => {
                    faults.push(PackageFault::of(&inner, format!("cannot read the file: {}", error.kind())))
                }
            }
        }
    }
}

/// Builds one package from its files; `at` is its folder.
fn build(at: &str, files: Files, patterns: &Patterns) -> Result<Package, Vec<PackageFault>> {
    let mut faults = Vec::new();
    let name = |file: &str| format!("{at}/{file}");
    let manifest_name = name("package.yaml");
    let manifest: PackageFile = parse(&files, &manifest_name).map_err(|fault| vec![fault])?;
    let fault = |text: String, place: &Spanned<String>| {
        PackageFault::of(&manifest_name, text).at(place.referenced.line(), place.referenced.column())
    };
    if format!("{}/{}", manifest.standard, manifest.version) != at {
        let text = format!("folder does not fit; expected {}/{}", manifest.standard, manifest.version);
        faults.push(PackageFault::of(&manifest_name, text));
    }
    for schema in manifest.schemas.iter().filter(|schema| !files.contains_key(&name(&schema.value))) {
        faults.push(fault(format!("schema is missing: {}; put it into the package", schema.value), schema));
    }
    let known: Vec<&str> = manifest.messages.keys().map(String::as_str).collect();
    // A rejection of another standard is looked for when all packages are loaded.
    let own = |message: &&Spanned<String>| {
        manifest.rejection_version.is_none() || known.contains(&message.value.as_str())
    };
    let rejection = || manifest.rejection.iter().filter(own);
    let later = || manifest.done.iter().chain(&manifest.declined);
    let named = manifest.receipt.iter().chain(rejection()).chain(later()).chain(&manifest.never_answer);
    for message in named.filter(|message| !known.contains(&message.value.as_str())) {
        let near = nearest(&message.value, known.iter().copied());
        faults.push(fault(format!("unknown message: {}{}", message.value, did_you_mean(near)), message));
    }
    let mut day = |text: &Option<String>| {
        text.as_ref().and_then(|text| {
            text.parse::<Date>()
                .map_err(|_| {
                    faults.push(PackageFault::of(&manifest_name, "valid: a day is written YYYY-MM-DD"));
                })
                .ok()
        })
    };
    let (from, until) = (day(&manifest.valid.from), day(&manifest.valid.until));
    if !faults.is_empty() {
        return Err(faults);
    }

    let entries: Vec<String> = manifest.schemas.iter().map(|schema| name(&schema.value)).collect();
    let (schema, plain) = schema::compile(&files, &entries, patterns).map_err(|fault| vec![fault])?;
    let shape = Shape::new(plain);
    let words = &manifest.words;
    let paths = |file| Paths { file, namespaces: &manifest.namespaces, shape: &shape, words };
    for target in words.keys().filter(|target| fields::find(target).is_none()) {
        let near = did_you_mean(nearest(target, fields::all().map(|field| field.target)));
        faults.push(PackageFault::of(&manifest_name, format!("words: unknown target: {target}{near}")));
    }

    let read_name = name("read.yaml");
    let rules_name = name("rules.yaml");
    let read: ReadFile = parse(&files, &read_name).map_err(|fault| vec![fault])?;
    let rules: RulesFile = match files.contains_key(&rules_name) {
        true => parse(&files, &rules_name).map_err(|fault| vec![fault])?,
        false => RulesFile::default(),
    };
    for message in read.messages.keys().filter(|message| !known.contains(&message.as_str())) {
        let near = did_you_mean(nearest(message, known.iter().copied()));
        faults.push(PackageFault::of(&read_name, format!("unknown message: {message}{near}")));
    }
    let readable: Vec<&str> = read.messages.keys().map(String::as_str).collect();
    for message in rules.rules.iter().flat_map(|rule| rule.messages.iter().flatten()) {
        if !readable.contains(&message.value.as_str()) {
            let near = did_you_mean(nearest(&message.value, readable.iter().copied()));
            let text = format!("unknown or unread message: {}{near}", message.value);
            let place = &message.referenced;
            faults.push(PackageFault::of(&rules_name, text).at(place.line(), place.column()));
        }
    }

    let mut messages = Vec::new();
    for (message, root) in &manifest.messages {
        let root_name = match paths(&manifest_name).name(&root.value) {
            Ok(root_name) if shape.root(&root_name) => root_name,
            Ok(root_name) => {
                let near = did_you_mean(nearest(&root_name.1, shape.roots()));
                faults.push(fault(format!("no such root element: {}{near}", root.value), root));
                continue;
            }
            Err(text) => {
                faults.push(fault(text, root));
                continue;
            }
        };
        let mut header = Automaton::new();
        faults.extend(mapping::compile(&paths(&manifest_name), &root_name, &manifest.header, &mut header));
        header.bind(&schema);
        let reading = read.messages.get(message).map(|lines| {
            let mut automaton = Automaton::new();
            let mut compile = |file, lines| mapping::compile(&paths(file), &root_name, lines, &mut automaton);
            let mut more = compile(&manifest_name, &manifest.header);
            more.extend(compile(&read_name, lines));
            let number = message.rsplit_once('.').map_or("", |(_, number)| number);
            let mut compiled = Rules::new(number);
            for rule in &rules.rules {
                let applies =
                    rule.messages.as_ref().is_none_or(|only| only.iter().any(|only| only.value == *message));
                if applies {
                    more.extend(compiled.add(rule, &paths(&rules_name), &root_name, &mut automaton));
                }
            }
            faults.extend(more);
            automaton.bind(&schema);
            Reading { automaton, rules: compiled }
        });
        messages.push(MessageType { message: message.clone(), root: root_name, reading, header });
    }

    let roots: Vec<Name> = messages.iter().map(|message: &MessageType| message.root.clone()).collect();
    let within = manifest.within.as_ref().and_then(|text| {
        let read = Within::read(text, &paths(&manifest_name), &roots);
        read.map_err(|more| faults.extend(more)).ok()
    });
    let mut held = Vec::new();
    for file in &manifest.codelists.held {
        match files.get(&name(&file.value)).map(|text| CodeList::read(text)) {
            None => faults.push(fault(format!("code list is missing: {}", file.value), file)),
            Some(Err(text)) => faults.push(PackageFault::of(&name(&file.value), text)),
            Some(Ok(list)) => held.push(list),
        }
    }
    let mut free = Vec::new();
    for element in &manifest.codelists.free {
        match paths(&manifest_name).name(&element.value) {
            Ok((space, local)) => free.extend(schema.known(&space, &local)),
            Err(text) => faults.push(fault(text, element)),
        }
    }

    let mut templates = Templates::new();
    let folder = format!("{at}/write/");
    for (file, text) in files.range(folder.clone()..).take_while(|(file, _)| file.starts_with(&folder)) {
        let file_name = &file[folder.len()..];
        let Some(form) = Form::of(file_name) else {
            faults.push(PackageFault::of(file, "no template: expected .xml or .json"));
            continue;
        };
        let part = file_name.starts_with('_');
        let number = file_name.rsplit_once('.').map_or(file_name, |(number, _)| number);
        let message = match part {
            true => file_name.to_owned(),
            false => format!("{}.{number}", manifest.standard),
        };
        if !part && !known.contains(&message.as_str()) {
            let near = did_you_mean(nearest(&message, known.iter().copied()));
            faults.push(PackageFault::of(file, format!("template for an unknown message: {message}{near}")));
        }
        if let Err((line, text)) = templates.add(&message, form, text) {
            faults
                .push(PackageFault::of(file, format!("template cannot be used: {text}")).at(line as u64, 0));
        }
    }
    for (from, part) in templates.missing_parts() {
        faults.push(PackageFault::of(at, format!("{from} includes a part that is missing: write/{part}")));
    }
    for message in manifest.receipt.iter().chain(rejection()).chain(later()) {
        if !templates.has(&message.value) {
            faults.push(fault(format!("no template for {}; add it to write/", message.value), message));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Package {
        id: manifest.id,
        about: manifest.about,
        standard: manifest.standard,
        attribute: manifest.attribute,
        version: manifest.version,
        from,
        until,
        within,
        messages,
        receipt: manifest.receipt.map(|message| message.value),
        rejection: manifest.rejection.map(|message| message.value),
        rejection_version: manifest.rejection_version,
        quotes_always: manifest.rejection_quotes_always,
        done: manifest.done.map(|message| message.value),
        declined: manifest.declined.map(|message| message.value),
        never: manifest.never_answer.into_iter().map(|message| message.value).collect(),
        faults: manifest.faults,
        codelists: CodeLists::new(held, manifest.codelists.open),
        schema,
        free,
        templates,
        shapes: Shapes::default(),
    })
}

/// Reads one of the YAML files of a package.
pub fn parse<T: DeserializeOwned>(files: &Files, name: &str) -> Result<T, PackageFault> {
    let text =
        files.get(name).ok_or_else(|| PackageFault::of(name, "file is missing; every package has one"))?;
    serde_saphyr::from_str(text).map_err(|error| {
        let fault = PackageFault::of(name, error.without_snippet().to_string());
        match error.location() {
            Some(place) => fault.at(place.line(), place.column()),
            None => fault,
        }
    })
}
