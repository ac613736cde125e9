"""Makes the two fonts of the letters from Noto Sans: only the characters that letters need, three signs of Noto Sans Math beside them.

Noto Sans covers DIN 91379 but for the three mathematical signs of its group E1, and has 3,000 characters more than letters need.
The result carries a name of its own: what is changed shall not pass for the original.

Usage: python3 make.py LATIN_LIST NOTO_SANS_REGULAR NOTO_SANS_BOLD NOTO_SANS_MATH
Made with fontTools 4.68 from the npm packages @expo-google-fonts/noto-sans 0.4.2 (2.015) and @expo-google-fonts/noto-sans-math
0.4.2 (3.000). LATIN_LIST is src/latin/tables/latin_list_1.3.txt.
"""

import sys

from fontTools import subset
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

# Beside the norm: quotation marks, dashes, hyphens, fixed spaces, ellipsis; Cyrillic of Bulgarian, Russian, Ukrainian covers.
BESIDE = (
    [0xA0, 0x2116, 0x202F, 0x2022, 0x2026, 0x2039, 0x203A]
    + list(range(0x2010, 0x2016))
    + list(range(0x2018, 0x201F))
    + list(range(0x400, 0x460))
    + [0x490, 0x491]
)
SIGNS = {0x221E: "infinity", 0x2264: "lessequal", 0x2265: "greaterequal"}
FAMILY = "Drehscheibe Sans"
ABOUT = "Changed from Noto Sans 2.015: fewer characters, three signs of Noto Sans Math 3.000."


def wanted(path):
    """Every code point of the list of DIN 91379, sequences taken apart; control characters have no glyph."""
    with open(path, encoding="utf-8") as lines:
        listed = {int(code, 16) for line in lines for code in line.split(";")[2].split()}
    return {code for code in listed if code >= 0x20} | set(BESIDE)


def add_signs(font, donor):
    """Copies the outlines of the signs; both fonts have 1000 units to the em."""
    assert font["head"].unitsPerEm == donor["head"].unitsPerEm
    names = donor.getBestCmap()
    order = font.getGlyphOrder()
    for code, name in SIGNS.items():
        outline = DecomposingRecordingPen(donor.getGlyphSet())
        donor.getGlyphSet()[names[code]].draw(outline)
        pen = TTGlyphPen(None)
        outline.replay(pen)
        glyph = pen.glyph()
        order.append(name)
        font["glyf"].glyphs[name] = glyph
        font["hmtx"].metrics[name] = donor["hmtx"].metrics[names[code]]
        for table in font["cmap"].tables:
            if table.isUnicode():
                table.cmap[code] = name
    font.setGlyphOrder(order)
    font["glyf"].setGlyphOrder(order)


def rename(font, style):
    """Own names; copyright, licence and designers stay."""
    name = font["name"]
    name.names = [record for record in name.names if record.nameID in (0, 7, 8, 9, 11, 13, 14) and record.platformID == 3]
    postscript = f"{FAMILY.replace(' ', '')}-{style}"
    values = {1: FAMILY, 2: style, 3: f"1.0;{postscript}", 4: f"{FAMILY} {style}", 5: "Version 1.000", 6: postscript, 10: ABOUT}
    for name_id, value in values.items():
        name.setName(value, name_id, 3, 1, 0x409)


def make(source, donor, style, codes):
    """One font: signs added, subset, renamed, written."""
    font = TTFont(source, recalcTimestamp=False)
    add_signs(font, donor)
    options = subset.Options()
    options.layout_features = ["ccmp", "locl", "mark", "mkmk", "kern"]
    options.hinting = False
    options.glyph_names = False
    options.notdef_outline = True
    options.name_IDs = ["*"]
    options.drop_tables += ["STAT", "gasp", "prep"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    missing = codes - set(font.getBestCmap())
    assert not missing, [hex(code) for code in sorted(missing)]
    rename(font, style)
    font.save(f"{FAMILY.replace(' ', '')}-{style}.ttf")


def main():
    codes = wanted(sys.argv[1])
    donor = TTFont(sys.argv[4])
    make(sys.argv[2], donor, "Regular", codes)
    make(sys.argv[3], donor, "Bold", codes)


main()
