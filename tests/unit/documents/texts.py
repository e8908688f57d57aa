"""Names that a customer may have: a few letters of each script, and what trips up programs."""

import unicodedata
from dataclasses import replace
from decimal import Decimal

from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import Buyer, Deduction, DocumentLine
from monthclose.domain.tax.tax import TaxRate
from tests.unit.documents.samples import SELLER, sample

BLOCKS = {
    "Latin-1": (0xA1, 0xFF),
    "Latin Extended": (0x100, 0x24F),
    "phonetic letters": (0x250, 0x2AF),
    "combining marks": (0x300, 0x36F),
    "Greek": (0x370, 0x3FF),
    "Cyrillic": (0x400, 0x52F),
    "Armenian": (0x531, 0x58A),
    "Hebrew": (0x591, 0x5F4),
    "Arabic": (0x600, 0x6FF),
    "Syriac": (0x700, 0x74F),
    "Thaana": (0x780, 0x7B1),
    "N'Ko": (0x7C0, 0x7FF),
    "Samaritan": (0x800, 0x83E),
    "Mandaic": (0x840, 0x85E),
    "Devanagari": (0x900, 0x97F),
    "Bengali": (0x980, 0x9FE),
    "Gurmukhi": (0xA01, 0xA76),
    "Gujarati": (0xA81, 0xAFF),
    "Oriya": (0xB01, 0xB77),
    "Tamil": (0xB82, 0xBFA),
    "Telugu": (0xC00, 0xC7F),
    "Kannada": (0xC80, 0xCF3),
    "Malayalam": (0xD00, 0xD7F),
    "Sinhala": (0xD81, 0xDF4),
    "Thai": (0xE01, 0xE5B),
    "Lao": (0xE81, 0xEDF),
    "Tibetan": (0xF00, 0xFDA),
    "Myanmar": (0x1000, 0x109F),
    "Georgian": (0x10A0, 0x10FF),
    "Hangul jamo": (0x1100, 0x11FF),
    "Ethiopic": (0x1200, 0x139F),
    "Cherokee": (0x13A0, 0x13FD),
    "Canadian syllabics": (0x1400, 0x167F),
    "Ogham": (0x1680, 0x169C),
    "runes": (0x16A0, 0x16F8),
    "Tagalog": (0x1700, 0x171F),
    "Khmer": (0x1780, 0x17F9),
    "Mongolian": (0x1800, 0x18AA),
    "Limbu": (0x1900, 0x194F),
    "Tai Le": (0x1950, 0x1974),
    "Buginese": (0x1A00, 0x1A1F),
    "Tai Tham": (0x1A20, 0x1AAD),
    "Balinese": (0x1B00, 0x1B7E),
    "Sundanese": (0x1B80, 0x1BBF),
    "Lepcha": (0x1C00, 0x1C4F),
    "Ol Chiki": (0x1C50, 0x1C7F),
    "Vedic marks": (0x1CD0, 0x1CFA),
    "Greek Extended": (0x1F00, 0x1FFE),
    "punctuation": (0x2000, 0x206F),
    "currencies": (0x20A0, 0x20C0),
    "letterlike": (0x2100, 0x214F),
    "arrows and mathematics": (0x2190, 0x22FF),
    "boxes and shapes": (0x2500, 0x25FF),
    "dingbats": (0x2700, 0x27BF),
    "Braille": (0x2800, 0x28FF),
    "Glagolitic": (0x2C00, 0x2C5F),
    "Coptic": (0x2C80, 0x2CFF),
    "Tifinagh": (0x2D30, 0x2D7F),
    "hiragana": (0x3041, 0x309F),
    "katakana": (0x30A0, 0x30FF),
    "bopomofo": (0x3105, 0x312F),
    "CJK": (0x4E00, 0x9FFF),
    "Yi": (0xA000, 0xA4C6),
    "Lisu": (0xA4D0, 0xA4FF),
    "Vai": (0xA500, 0xA62B),
    "Javanese": (0xA980, 0xA9DF),
    "Cham": (0xAA00, 0xAA5F),
    "Meetei Mayek": (0xABC0, 0xABF9),
    "Hangul": (0xAC00, 0xD7A3),
    "Arabic presentation forms": (0xFB50, 0xFDFF),
    "half and full width": (0xFF01, 0xFFEE),
    "Linear B": (0x10000, 0x100FA),
    "Gothic": (0x10330, 0x1034A),
    "Phoenician": (0x10900, 0x1091F),
    "Brahmi": (0x11000, 0x1107F),
    "cuneiform": (0x12000, 0x12399),
    "hieroglyphs": (0x13000, 0x1342E),
    "bold letters of mathematics": (0x1D400, 0x1D433),
    "Adlam": (0x1E900, 0x1E95F),
    "emoji": (0x1F600, 0x1F64F),
    "CJK extension B": (0x20000, 0x2A6DF),
    "CJK extension G": (0x30000, 0x3134A),
}
_LETTERS = 9

SINGLE = {
    "C0 controls": "a\x00b\x01\x08\x1b[2Jc\x7f",
    "C1 controls": "a\x85b\x9b31mc\x9f",
    "the replacement character": "a\ufffdb",
    "noncharacters": "a\ufffe\uffff\ufdd0\U0001fffe\U0010ffffb",
    "halves of characters": "a\ud800b\udfffc",
    "private use": "a\ue000\uf8ff\U000f0000\U00100000b",
    "unassigned": "a\u0378\u05ff\U0003fffdb",
    "a byte order mark": "\ufeffAcme\ufeff",
    "text turned around": "Acme \u202e00.9\u202c \u2066x\u2069",
    "invisible": "a\u200bb\u200cc\u200dd\u2060e\u00adf\u3164g\u115fh\u034fi\u180ej",
    "tags": "a\U000e0001\U000e0041\U000e007fb",
    "keycap emoji": "1\ufe0f\u20e3 #\ufe0f\u20e3 *\u20e3",
    "flags": "\U0001f1e9\U0001f1ea\U0001f3f4\U000e0067\U000e0062\U000e007f\U0001f1e6",
    "families": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f\u200d\U0001f525",
    "skin tones": "\u261d\U0001f3fd A\U0001f3ff \U0001f44b\U0001f3fb",
    "marks upon marks": "Z\u0351\u036b\u0343a" + "\u0317\u0325\u0489" * 9 + "lgo",
    "a mark alone": "\u0301 \u093f \u0e31",
    "ideographic variations": "\u845b\U000e0100\u845b\ufe00",
    "line breaks": "a\nb\r\nc\u2028d\u2029e\x0bf\x0cg",
    "markup": '#panic() *x* $x$ \\u{0} <a> & "b" ]]> <!-- -->',
    "long words": "\u0e01\u0e34" * 60 + " " + "e\u0301" * 60,
}


def of_block(first: int, last: int) -> str:
    """Take some characters from all over a block."""
    known = [chr(c) for c in range(first, last + 1) if unicodedata.category(chr(c)) not in ("Cn", "Co", "Cs", "Cc")]
    return "".join(known[:: max(len(known) // _LETTERS, 1)])


TEXTS = {**{name: of_block(*block) for name, block in BLOCKS.items()}, **SINGLE}


def saying(text: str) -> InvoiceDocument:
    """Make a document that has a text wherever somebody can enter one."""
    rate = TaxRate(f"VAT {text}", Decimal(19), note=text)
    deductions = (Deduction(text, -1),)
    plain = sample(rates=(rate,), discounts=deductions, credits=deductions)
    step = {"kind": "measured", "how": text, "quantity": "1", "amount": "0"}
    line = DocumentLine(text, text, Decimal(1), 1, text, resource=text, steps=(step, step))
    lines = (*plain.lines[:-1], replace(line, amount_minor=plain.lines[-1].amount_minor))
    seller = replace(
        SELLER,
        **dict.fromkeys(("name", "postcode", "city", "registration", "phone", "website", "bank", "terms"), text),
        address=(text, text),
        email=text,
        footer=text,
    )
    buyer = Buyer(text, text, text, "PL", text, (text, text, text, text), "PL5260001246")
    return replace(plain, seller=seller, customer=buyer, lines=lines, notes=(text,))
