"""Names of people and street addresses, where the text announces them.

A name stands behind a title, a greeting or "my name is", or under a closing formula; an address is a house number
beside a street as English, German, French and Spanish write it. Names in running text have no such mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_NAME = r"[A-ZÀ-Þ][\w’'\-]*[a-zß-ÿ]"
_NAMES = rf"({_NAME}(?:[ ](?:[A-Z]\.[ ])?{_NAME}){{0,2}})"
_ANNOUNCED = (
    re.compile(
        r"(?<!\w)(?:(?:Mr|Mrs|Ms|Dr|Prof|Mme|Sr|Sra)\.|Mr|Mrs|Ms|Miss|Dr|Prof|Herrn?|Frau|Monsieur|Madame|Señora?)"
        rf"[ ](?:Dr\.?[ ]|Prof\.?[ ])?{_NAMES}"
    ),
    re.compile(rf"(?i:my name is|my name[’']s|mein name ist|je m[’']appelle|me llamo)[ ]+{_NAMES}"),
    re.compile(
        rf"(?:^|[\n\"])[ \t]*(?:Dear|Hi|Hello|Hey|Hallo|Lieber?|Bonjour|Cher|Chère|Hola)[ ]{_NAMES}[,!\n]"
    ),
    re.compile(
        r"(?i:regards|sincerely|faithfully|yours truly|grüßen?|cordialement|saludos|many thanks|thank you)"
        rf"[,.!]?[ \t]*\n\s*{_NAMES}[ \t]*(?:\n|$)"
    ),
)  # fmt: skip
# A search for fixed text is many times as fast as the expressions, and most rows have none of it.
_NAME_MARKS = (
    "Mr", "Ms", "Miss", "Dr", "Prof", "Herr", "Frau", "Mons", "Madame", "Mme", "Señor", "Sr", "Hi ", "Hey",
    "Hola", "ame is", "ame's", "ame’s", "ame ist", "appelle", "llamo", "Dear", "Hello", "Hallo", "Lieb",
    "Bonjour", "Cher", "Chère", "egards", "incerely", "aithfully", "ruly", "rüße", "ordialement", "aludos",
    "hank",
)  # fmt: skip
_NOBODY = {
    "Admin", "Again", "All", "Client", "Colleague", "Colleagues", "Community", "Customer", "Customers", "Damen",
    "Everybody", "Everyone", "Folks", "Friend", "Friends", "Guest", "Herren", "Hiring", "Is", "Kunde", "Kundin",
    "Madam", "Madame", "Manager", "Member", "Members", "Monsieur", "Partner", "Partners", "Reader", "Service",
    "Señor", "Señores", "Sir", "Sirs", "Support", "Team", "Thank", "Thanks", "The", "There", "User", "Users",
    "World", "Zusammen",
}  # fmt: skip

_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Terrace|Place|Pl|Square|Sq|Parkway|Pkwy|"
    r"Highway|Hwy|Crescent|Close|Mews|Grove)\b"
)
_STRASSE = r"(?:straße|strasse|str\.|weg|allee|platz|gasse)[ ]\d{1,4}"
_RUE = r"[ ](?:rue|avenue|boulevard|place|chemin|allée|impasse)[ ]"
_CALLE = r"(?:Calle|Avenida|Avda\.|Plaza|Paseo|Via|Viale)[ ]"
_BOX = r"P\.?[ ]?O\.?[ ]Box[ ]\d{1,6}"
_PART = r"(?:[A-ZÀ-Þ][\w’'\-]*\.?|\d+(?:st|nd|rd|th))"
_ADDRESS = re.compile(
    rf"(?<![\w.,/-])\d{{1,5}}[A-Za-z]?,?[ ](?:{_PART}[ ]){{1,4}}{_STREET}\.?"
    rf"|(?<!\w)[A-ZÀ-Þ][\wß-ÿ\-]{{2,}}{_STRASSE}[ ]?[a-z]?(?!\w)"
    rf"|(?<![\w.,/-])\d{{1,4}}(?:[ ]?(?:bis|ter))?,?{_RUE}(?:d[eu]s?[ ]|de[ ]la[ ]|d[’'])?{_PART}(?:[ ]{_PART}){{0,3}}"
    rf"|(?<!\w){_CALLE}(?:de[ ]|del[ ]|della[ ])?{_PART}(?:[ ]{_PART}){{0,3}},?[ ]\d{{1,4}}(?!\w)"
    rf"|(?<!\w){_BOX}(?!\w)"
)
_STREET_MARK = re.compile(rf"{_STREET}|{_STRASSE}|{_RUE}|{_CALLE}|{_BOX}")
_DIGIT = re.compile(r"\d")


def name_spans(text: str) -> Iterator[Span]:
    """Where names of people stand that something announces."""
    if any(mark in text for mark in _NAME_MARKS):
        for pattern in _ANNOUNCED:
            for match in pattern.finditer(text):
                if _NOBODY.isdisjoint(match[1].split()):
                    yield match.span(1)


def address_spans(text: str) -> Iterator[Span]:
    """Where street addresses and post office boxes stand."""
    if _DIGIT.search(text) and _STREET_MARK.search(text):
        yield from (match.span() for match in _ADDRESS.finditer(text))
