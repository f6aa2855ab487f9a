"""Text in XML 1.0: escaped, and without the characters that it cannot hold."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def attribute(text: str) -> str:
    """A text as an attribute's value, quotes included."""
    return quoteattr(_NOT_XML.sub("\ufffd", text))


def content(text: str) -> str:
    """A text between tags."""
    return escape(_NOT_XML.sub("\ufffd", text))
