//! A laid-out letter as the octets of a PDF: archivable (PDF/A-3a), accessible (PDF/UA-1), tagged, with its fonts inside.
//! The same layout gives the same octets: no clock, no random number. Texts of the library never leave this file, because they
//! quote the letter.

use std::num::NonZeroU16;
use std::sync::LazyLock;

use jiff::civil::Date;
use krilla::color::luma;
use krilla::configure::{Accessibility, Archival, Configuration, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, Node, SpanTag, TableHeaderScope, Tag,
    TagGroup, TagKind, TagTree,
};
use krilla::text::KrillaGlyph;
use krilla::{Document, SerializeSettings};

use crate::paper::font::embedded;
use crate::paper::page::{Belongs, Layout, Put, Role};
use crate::paper::sheet;

/// Thickness of rules and marks, in points.
const HAIR: f32 = 0.5;

/// What a file says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// What the window shows as its name; never a name of a person.
    pub title: &'a str,
    /// Language, BCP 47.
    pub language: &'a str,
    /// Who issues it.
    pub author: &'a str,
    /// Its day.
    pub date: Date,
}

/// A file that the PDF carries along.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub media_type: &'a str,
    /// What it is, for readers.
    pub about: &'a str,
    /// Its octets.
    pub octets: &'a [u8],
}

/// The PDF library refused what was laid out: our fault, not that of the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the letter could not be written as PDF/A-3 and PDF/UA-1; report it as a fault of the program")]
pub struct Unwritten;

static BOTH: LazyLock<Configuration> = LazyLock::new(|| {
    ConfigurationBuilder::new()
        .with_archival_validator(Archival::A3_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .expect("PDF 1.7 is a version of both")
});

/// Writes the file.
pub fn write(
    layout: &Layout,
    about: &About<'_>,
    attachment: Option<&Attachment<'_>>,
) -> Result<Vec<u8>, Unwritten> {
    let mut document =
        Document::new_with(SerializeSettings { configuration: *BOTH, ..SerializeSettings::default() });
    let settings = PageSettings::from_wh(sheet::WIDTH, sheet::HEIGHT).ok_or(Unwritten)?;
    let mut said: Vec<Vec<Identifier>> = vec![Vec::new(); layout.nodes.len()];
    for number in 0..layout.sheets {
        let mut page = document.start_page_with(settings.clone());
        let mut surface = page.surface();
        ornaments(&mut surface, layout, number)?;
        for put in layout.lines.iter().filter(|put| put.sheet == number) {
            draw(&mut surface, put, &mut said);
        }
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new();
    layout.outer.iter().for_each(|node| tree.push(group(layout, *node, &mut said)));
    document.set_tag_tree(tree);
    let mut outline = Outline::new();
    let top = XyzDestination::new(0, Point::from_xy(0.0, 0.0));
    outline.push_child(OutlineNode::new(about.title.to_owned(), top));
    document.set_outline(outline);
    document.set_metadata(metadata(about));
    if let Some(attachment) = attachment {
        document.embed_file(embed(attachment, about.date)?).ok_or(Unwritten)?;
    }
    document.finish().map_err(|_| Unwritten)
}

fn metadata(about: &About<'_>) -> Metadata {
    Metadata::new()
        .title(about.title.to_owned())
        .language(about.language.to_owned())
        .authors(vec![about.author.to_owned()])
        .producer("Drehscheibe".to_owned())
        .creation_date(midnight(about.date))
}

fn midnight(date: Date) -> DateTime {
    let small = |number: i8| u8::try_from(number).unwrap_or(1);
    let year = u16::try_from(date.year()).unwrap_or(0);
    DateTime::new(year)
        .month(small(date.month()))
        .day(small(date.day()))
        .hour(0)
        .minute(0)
        .second(0)
        .utc_offset_hour(0)
}

fn embed(attachment: &Attachment<'_>, date: Date) -> Result<EmbeddedFile, Unwritten> {
    Ok(EmbeddedFile {
        path: attachment.name.to_owned(),
        mime_type: Some(MimeType::new(attachment.media_type).ok_or(Unwritten)?),
        description: Some(attachment.about.to_owned()),
        association_kind: AssociationKind::Data,
        data: attachment.octets.to_vec().into(),
        modification_date: Some(midnight(date)),
        compress: None,
        location: None,
    })
}

fn fill(lightness: u8) -> Fill {
    Fill { paint: luma::Color::new(lightness).into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

/// Rules and marks: nobody who hears the letter misses them.
fn ornaments(surface: &mut Surface<'_>, layout: &Layout, number: usize) -> Result<(), Unwritten> {
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
    surface.set_fill(Some(fill(120)));
    let rules = layout.rules.iter().filter(|rule| rule.sheet == number).map(|rule| (rule.from, rule.length));
    let marks = sheet::MARKS.iter().map(|(y, length)| ((sheet::MARKS_LEFT, *y), *length));
    for ((x, y), length) in rules.chain(marks) {
        let mut path = PathBuilder::new();
        path.push_rect(Rect::from_xywh(x, y, length, HAIR).ok_or(Unwritten)?);
        surface.draw_path(&path.finish().ok_or(Unwritten)?);
    }
    surface.end_tagged();
    Ok(())
}

fn draw(surface: &mut Surface<'_>, put: &Put, said: &mut [Vec<Identifier>]) {
    let (from, to) = put.line.glyphs;
    let shaped = &put.line.of;
    let glyphs: Vec<KrillaGlyph> =
        shaped.glyphs.get(from..to).unwrap_or_default().iter().map(|glyph| glyph.glyph()).collect();
    let tag = match put.of {
        Belongs::Node(_) => ContentTag::Span(SpanTag::empty()),
        Belongs::Sheet => ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)),
    };
    let content = surface.start_tagged(tag);
    surface.set_fill(Some(fill(put.line.style.ink)));
    let start = Point::from_xy(put.at.0, put.at.1);
    surface.draw_glyphs(start, &glyphs, embedded(shaped.weight), &shaped.text, put.line.style.size, false);
    surface.end_tagged();
    if let Belongs::Node(node) = put.of
        && let Some(lines) = said.get_mut(node)
    {
        lines.push(content);
    }
}

fn group(layout: &Layout, node: usize, said: &mut [Vec<Identifier>]) -> Node {
    let Some(part) = layout.nodes.get(node) else { return TagGroup::new(Tag::P).into() };
    let mut group = TagGroup::new(tag(&part.role).with_lang(part.language.map(str::to_owned)));
    said.get_mut(node).map(std::mem::take).unwrap_or_default().into_iter().for_each(|line| group.push(line));
    part.inside.iter().for_each(|inner| group.push(self::group(layout, *inner, said)));
    group.into()
}

fn tag(role: &Role) -> TagKind {
    match role {
        Role::Paragraph => Tag::P.into(),
        Role::Heading(level, text) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(text.clone())).into()
        }
        Role::Table => Tag::Table.into(),
        Role::Row => Tag::TR.into(),
        Role::Label => Tag::TH(TableHeaderScope::Row).into(),
        Role::Value => Tag::TD.into(),
        Role::List => Tag::L(ListNumbering::Disc).into(),
        Role::Item => Tag::LI.into(),
        Role::Bullet => Tag::Lbl.into(),
        Role::ItemText => Tag::LBody.into(),
    }
}
