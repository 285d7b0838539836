"""Characters of the fonts Symbol and Wingdings as Unicode has them: a box that is ticked, a sign before a dose.

Such a font draws its own picture for an ordinary code, which Office writes as 0xF000 + code. Tables of the codes:
https://www.unicode.org/L2/L2011/11052r-wingdings.pdf and https://www.unicode.org/Public/MAPPINGS/VENDORS/ADOBE/symbol.txt
"""

from __future__ import annotations

UNKNOWN = "\ufffd"
CHECKED, UNCHECKED = "☒", "☐"

_WINGDINGS = {
    **{
        0x6C: "●",
        0x6E: "■",
        0x6F: "☐",
        0x71: "❑",
        0x72: "❒",
        0x77: "◆",
        0x78: "☒",
        0x9F: "•",
        0xA1: "○",
        0xA7: "▪",
    },
    **{
        0xA8: "☐",
        0xD8: "➢",
        0xDF: "←",
        0xE0: "→",
        0xE1: "↑",
        0xE2: "↓",
        0xE8: "➔",
        0xEF: "⇦",
        0xF0: "⇨",
        0xF1: "⇧",
    },
    **{
        0xF2: "⇩",
        0xFB: "✗",
        0xFC: "✓",
        0xFD: "☒",
        0xFE: "☑",
        0x4A: "☺",
        0x4B: "😐",
        0x4C: "☹",
        0x28: "☎",
        0x2A: "✉",
    },
    **{0x76: "❖", 0xAB: "★", 0x46: "☞", 0x45: "☜", 0x47: "☝", 0x48: "☟", 0xA4: "◉", 0x9E: "·", 0x6D: "❍"},
}
_WINGDINGS_2 = {
    **{
        0x4F: "✗",
        0x50: "✓",
        0x51: "☒",
        0x52: "☑",
        0x53: "☒",
        0x54: "☒",
        0x55: "⮾",
        0x97: "●",
        0xA2: "■",
        0xA3: "☐",
    },
    **{0x98: "●", 0x99: "◉", 0x9A: "○", 0x2A: "☐", 0x30: "☐"},
}
_WINGDINGS_3 = {
    0x21: "→",
    0x66: "←",
    0x67: "→",
    0x68: "↑",
    0x69: "↓",
    0x70: "▲",
    0x71: "▼",
    0x74: "◀",
    0x75: "▶",
}
_GREEK = (
    *("ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"),
)  # in the places of the Latin letters
_SYMBOL = {
    **{0x41 + at: letter for at, letter in enumerate(_GREEK[0])},
    **{0x61 + at: letter for at, letter in enumerate(_GREEK[1])},
    **{
        0x22: "∀",
        0x24: "∃",
        0x27: "∋",
        0x2A: "∗",
        0x2D: "−",
        0x40: "≅",
        0x5C: "∴",
        0x5E: "⊥",
        0x7E: "∼",
        0xA0: "€",
    },
    **{
        0xA1: "ϒ",
        0xA2: "′",
        0xA3: "≤",
        0xA4: "⁄",
        0xA5: "∞",
        0xA6: "ƒ",
        0xA7: "♣",
        0xA8: "♦",
        0xA9: "♥",
        0xAA: "♠",
    },
    **{
        0xAB: "↔",
        0xAC: "←",
        0xAD: "↑",
        0xAE: "→",
        0xAF: "↓",
        0xB0: "°",
        0xB1: "±",
        0xB2: "″",
        0xB3: "≥",
        0xB4: "×",
    },
    **{
        0xB5: "∝",
        0xB6: "∂",
        0xB7: "•",
        0xB8: "÷",
        0xB9: "≠",
        0xBA: "≡",
        0xBB: "≈",
        0xBC: "…",
        0xBF: "↵",
        0xC0: "ℵ",
    },
    **{
        0xC6: "∅",
        0xC7: "∩",
        0xC8: "∪",
        0xCE: "∈",
        0xCF: "∉",
        0xD0: "∠",
        0xD1: "∇",
        0xD2: "®",
        0xD3: "©",
        0xD4: "™",
    },
    **{
        0xD6: "√",
        0xD7: "⋅",
        0xD8: "¬",
        0xD9: "∧",
        0xDA: "∨",
        0xDB: "⇔",
        0xDC: "⇐",
        0xDD: "⇑",
        0xDE: "⇒",
        0xDF: "⇓",
    },
    **{0xE5: "∑", 0xF2: "∫"},
}
_FONTS = {
    **{"wingdings": _WINGDINGS, "wingdings 2": _WINGDINGS_2, "wingdings 3": _WINGDINGS_3},
    **{"symbol": _SYMBOL, "symbolmt": _SYMBOL, "symbol mt": _SYMBOL},
}


def is_symbol_font(font: str) -> bool:
    return font.strip().lower() in _FONTS


def symbol(code: int, font: str) -> str:
    """The character that a code of such a font stands for. U+FFFD where it is not known."""
    code &= 0xFF
    name = font.strip().lower()
    if code in (0x09, 0x0A, 0x20):
        return chr(code)
    if name.startswith("symbol") and 0x20 < code < 0x7F and code not in _SYMBOL:
        return chr(code)  # digits and punctuation, which Symbol has in their own places
    return _FONTS.get(name, {}).get(code, UNKNOWN)
