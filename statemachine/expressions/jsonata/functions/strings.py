"""Functions on strings, but for those that take regular expressions."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.functions.rows import Row, whole
from statemachine.expressions.jsonata.runtime import Runtime
from statemachine.expressions.jsonata.sequences import UNDEFINED, Value
from statemachine.expressions.jsonata.texts import string as to_string

_BLANKS: Final = re.compile(r"[ \t\n\r]+")
_COMPONENT: Final = "-_.!~*'()"
_RESERVED: Final = ";/?:@&=+$,#"
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def string(runtime: Runtime, value: Value, prettify: Value) -> Value:
    """`$string`."""
    if value is UNDEFINED:
        return UNDEFINED
    result = to_string(value, prettify is True)
    runtime.allocate(len(result))
    runtime.step(len(result) // 64)
    return result


def substring(_runtime: Runtime, text: Value, start: Value, length: Value) -> Value:
    """`$substring`: by characters, from the end if `start` is negative."""
    if text is UNDEFINED:
        return UNDEFINED
    begin = 0 if start is UNDEFINED or len(text) + start < 0 else whole(start)
    if length is UNDEFINED:
        return text[begin:]
    if length <= 0:
        return ""
    if start is UNDEFINED:
        return ""
    base = 0 if len(text) + start < 0 else start
    end = whole(base + length if base >= 0 else len(text) + base + length)
    return text[begin:end]


def substring_before(_runtime: Runtime, text: Value, chars: Value) -> Value:
    """`$substringBefore`."""
    return text if text is UNDEFINED or chars is UNDEFINED else text.partition(chars)[0] if chars else ""


def substring_after(_runtime: Runtime, text: Value, chars: Value) -> Value:
    """`$substringAfter`."""
    if text is UNDEFINED or not chars:
        return text
    _, found, after = text.partition(chars)
    return after if found else text


def lowercase(_runtime: Runtime, text: Value) -> Value:
    """`$lowercase`."""
    return text if text is UNDEFINED else text.lower()


def uppercase(_runtime: Runtime, text: Value) -> Value:
    """`$uppercase`."""
    return text if text is UNDEFINED else text.upper()


def length(_runtime: Runtime, text: Value) -> Value:
    """`$length`: the number of characters (not of UTF-16 units)."""
    return text if text is UNDEFINED else len(text)


def trim(_runtime: Runtime, text: Value) -> Value:
    """`$trim`: blanks at the ends away, others one space."""
    return text if text is UNDEFINED else _BLANKS.sub(" ", text).strip(" ")


def pad(runtime: Runtime, text: Value, width: Value, char: Value) -> Value:
    """`$pad`: to a width, on the left if it is negative."""
    if text is UNDEFINED or width is UNDEFINED:
        return text
    filler = char or " "
    missing = whole(abs(width)) - len(text)
    if missing <= 0:
        return text
    runtime.allocate(missing + len(text))
    padding = (filler * (missing // len(filler) + 1))[:missing]
    return text + padding if width > 0 else padding + text


def join(runtime: Runtime, texts: Value, separator: Value) -> Value:
    """`$join`."""
    if texts is UNDEFINED:
        return UNDEFINED
    between = "" if separator is UNDEFINED else separator
    runtime.allocate(sum(map(len, texts)) + len(between) * len(texts))
    runtime.step(len(texts) // 8)
    return between.join(texts)


def base64encode(_runtime: Runtime, text: Value) -> Value:
    """`$base64encode`: of the low bytes of the UTF-16 units, as the original's "binary" strings."""
    if text is UNDEFINED:
        return UNDEFINED
    return base64.b64encode(text.encode("utf-16-le", "surrogatepass")[::2]).decode()


def base64decode(_runtime: Runtime, text: Value) -> Value:
    """`$base64decode`: lenient; each byte is a character."""
    if text is UNDEFINED:
        return UNDEFINED
    data = re.sub("[^A-Za-z0-9+/]", "", text.partition("=")[0].replace("-", "+").replace("_", "/"))
    if len(data) % 4 == 1:
        data = data[:-1]
    return binascii.a2b_base64(data + "=" * (-len(data) % 4)).decode("latin-1")


def _encode(text: Value, safe: str, name: str) -> Value:
    if text is UNDEFINED:
        return UNDEFINED
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        raise JsonataError("D3140", value=text, functionName=name) from None


def _decode(text: Value, kept: str, name: str) -> Value:
    if text is UNDEFINED:
        return UNDEFINED

    def decoded(match: re.Match[str]) -> str:
        characters = unquote_to_bytes(match[0]).decode()
        return "".join(f"%{ord(char):02X}" if char in kept else char for char in characters)

    result, bad = _ESCAPES.sub("", text), False
    try:
        bad = "%" in result
        result = _ESCAPES.sub(decoded, text)
    except UnicodeDecodeError:
        bad = True
    if bad:
        raise JsonataError("D3140", value=text, functionName=name)
    return result


def encode_url_component(_runtime: Runtime, text: Value) -> Value:
    """`$encodeUrlComponent`."""
    return _encode(text, _COMPONENT, "encodeUrlComponent")


def encode_url(_runtime: Runtime, text: Value) -> Value:
    """`$encodeUrl`."""
    return _encode(text, _COMPONENT + _RESERVED, "encodeUrl")


def decode_url_component(_runtime: Runtime, text: Value) -> Value:
    """`$decodeUrlComponent`."""
    return _decode(text, "", "decodeUrlComponent")


def decode_url(_runtime: Runtime, text: Value) -> Value:
    """`$decodeUrl`."""
    return _decode(text, _RESERVED, "decodeUrl")


ROWS: Final[tuple[Row, ...]] = (
    ("string", string, "<x-b?:s>", 1),
    ("substring", substring, "<s-nn?:s>", 3),
    ("substringBefore", substring_before, "<s-s:s>", 2),
    ("substringAfter", substring_after, "<s-s:s>", 2),
    ("lowercase", lowercase, "<s-:s>", 1),
    ("uppercase", uppercase, "<s-:s>", 1),
    ("length", length, "<s-:n>", 1),
    ("trim", trim, "<s-:s>", 1),
    ("pad", pad, "<s-ns?:s>", 3),
    ("join", join, "<a<s>s?:s>", 2),
    ("base64encode", base64encode, "<s-:s>", 1),
    ("base64decode", base64decode, "<s-:s>", 1),
    ("encodeUrlComponent", encode_url_component, "<s-:s>", 1),
    ("encodeUrl", encode_url, "<s-:s>", 1),
    ("decodeUrlComponent", decode_url_component, "<s-:s>", 1),
    ("decodeUrl", decode_url, "<s-:s>", 1),
)
