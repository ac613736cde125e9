//! The sheet of DIN 5008, form B, on A4: where the parts of a letter stand and how its texts look. Lengths in points from the
//! upper left corner; the comments say millimetres as the standard does.

use crate::paper::flow::Style;
use crate::paper::font::Weight;

/// Points of a millimetre.
const fn mm(millimetres: f32) -> f32 {
    millimetres * 72.0 / 25.4
}

/// Width of the sheet: 210.
pub const WIDTH: f32 = mm(210.0);
/// Height of the sheet: 297.
pub const HEIGHT: f32 = mm(297.0);
/// Left edge of all texts: 25.
pub const LEFT: f32 = mm(25.0);
/// Right edge of all texts: 20 from the right.
pub const RIGHT: f32 = mm(190.0);
/// Width of the text.
pub const MEASURE: f32 = RIGHT - LEFT;
/// The head stands in the uppermost 45; its text begins at 17.
pub const HEAD_TOP: f32 = mm(17.0);
/// The text of the head ends before the field of the address: 43.
pub const HEAD_BOTTOM: f32 = mm(43.0);
/// The line that names where a letter goes back to, the lowest of the zone of notes: 45 + 17.7.
pub const RETURN_BOTTOM: f32 = mm(62.0);
/// Upper edge of the zone of notes above it: 45.
pub const NOTES_TOP: f32 = mm(46.0);
/// Upper edge of the six lines of the address: 45 + 17.7.
pub const ADDRESS_TOP: f32 = mm(62.7);
/// Lower edge of the address: 90.
pub const ADDRESS_BOTTOM: f32 = mm(90.0);
/// Width of the address: the field has 85, 5 of it before the text.
pub const ADDRESS_WIDTH: f32 = mm(80.0);
/// Left edge of the block of information: 125.
pub const INFO_LEFT: f32 = mm(125.0);
/// Width of the block of information: to the right edge of the text.
pub const INFO_WIDTH: f32 = RIGHT - INFO_LEFT;
/// Upper edge of the block of information: 50.
pub const INFO_TOP: f32 = mm(50.0);
/// Where the subject begins at the earliest: 8.46 below the address.
pub const SUBJECT_TOP: f32 = mm(98.46);
/// Where the text of the sheets after the first begins.
pub const NEXT_TOP: f32 = mm(32.0);
/// Base line of the head of the sheets after the first.
pub const NEXT_HEAD: f32 = mm(20.0);
/// Where text ends at the latest on a sheet without foot.
pub const BOTTOM: f32 = mm(272.0);
/// Where the foot ends.
pub const FOOT_BOTTOM: f32 = mm(288.0);
/// Between the text and the foot, room for the number of the sheet.
pub const FOOT_GAP: f32 = mm(9.0);
/// The marks at the left edge: folds at 105 and 210, the hole at 148.5; how far each goes.
pub const MARKS: [(f32, f32); 3] = [(mm(105.0), mm(3.5)), (mm(148.5), mm(5.0)), (mm(210.0), mm(3.5))];
/// Where the marks begin.
pub const MARKS_LEFT: f32 = mm(4.0);
/// Between the columns of a table.
pub const GAP: f32 = mm(4.0);
/// Width of the names of facts.
pub const LABELS: f32 = mm(58.0);

/// The text of a letter.
pub const BODY: Style = Style { weight: Weight::Regular, size: 10.5, leading: 14.5, ink: 0 };
/// The text in Leichte Sprache: larger, with more room.
pub const EASY: Style = Style { weight: Weight::Regular, size: 14.0, leading: 21.0, ink: 0 };
/// The first line of the head.
pub const HEAD_FIRST: Style = Style { weight: Weight::Bold, size: 15.0, leading: 19.0, ink: 0 };
/// The other lines of the head.
pub const HEAD_NEXT: Style = Style { weight: Weight::Regular, size: 11.0, leading: 14.5, ink: 0 };
/// The address.
pub const ADDRESS: Style = Style { weight: Weight::Regular, size: 10.5, leading: mm(4.5), ink: 0 };
/// Where a letter goes back to.
pub const RETURN: Style = Style { weight: Weight::Regular, size: 7.0, leading: 8.5, ink: 40 };
/// Names in the block of information.
pub const INFO_LABEL: Style = Style { weight: Weight::Regular, size: 8.0, leading: 10.5, ink: 80 };
/// Values in the block of information.
pub const INFO_VALUE: Style = Style { weight: Weight::Regular, size: 9.5, leading: 12.0, ink: 0 };
/// What stands below: how it was made, its value to compare.
pub const SMALL: Style = Style { weight: Weight::Regular, size: 8.5, leading: 11.5, ink: 40 };
/// The foot.
pub const FOOT: Style = Style { weight: Weight::Regular, size: 7.5, leading: 10.0, ink: 60 };
