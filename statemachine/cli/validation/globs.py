"""Patterns of file names, one notation for arguments and configuration.

``*`` and ``?`` stay in a folder, ``**`` spans folders, ``[a-z]``, ``[!a-z]`` and ``{json,yaml}`` are choices. In the
configuration a pattern without a slash is a name at any depth, one with a slash starts at the configuration's folder,
and a pattern that matches a folder covers all below it, as in a .gitignore file.
"""

from __future__ import annotations

import re
from functools import lru_cache

_MAGIC = re.compile(r"[*?\[{]")


def has_magic(text: str) -> bool:
    """Whether a name is a pattern."""
    return bool(_MAGIC.search(text))


@lru_cache(maxsize=256)
def path_pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """What matches a whole relative path, written with slashes, by one of the patterns."""
    return re.compile("|".join(f"(?:{_translate(each)})" for each in patterns) or r"(?!)", re.DOTALL)


@lru_cache(maxsize=256)
def covering_pattern(patterns: tuple[str, ...], *, below: bool = True) -> re.Pattern[str]:
    """What matches a relative path that one of the patterns of a configuration covers; without `below` only what a
    pattern itself matches, and not what is in such a folder."""
    alternatives = []
    for each in patterns:
        named = each.strip("/").removeprefix("./")
        anchored = "/" in each.rstrip("/")
        alternatives.append(f"{'' if anchored else '(?:.*/)?'}(?:{_translate(named)})")
    return re.compile(f"(?:{'|'.join(alternatives) or '(?!)'}){'(?:/.*)?' if below else ''}", re.DOTALL)


def _translate(pattern: str) -> str:
    parts: list[str] = []
    at, depth = 0, 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            parts.append("(?:[^/]+/)*")
            at += 3
            continue
        if pattern.startswith("**", at):
            parts.append(".*")
            at += 2
            continue
        choice = re.compile(r"\[(!?)(\]?[^\]]*)\]").match(pattern, at) if char == "[" else None
        if choice:
            listed = choice[2].replace("\\", r"\\").replace("[", r"\[").replace("]", r"\]").replace("^", r"\^")
            parts.append(f"[{'^/' if choice[1] else ''}{_ranges(listed)}]")
            at = choice.end()
            continue
        if char == "{" and "}" in pattern[at:]:
            depth += 1
            parts.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            parts.append(")")
        elif char == "," and depth:
            parts.append("|")
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)))
        at += 1
    return "".join(parts) + ")" * depth


def _ranges(listed: str) -> str:
    """A range that runs backwards is what nothing matches in a shell, and an error in a regular expression."""
    try:
        re.compile(f"[{listed}]")
    except re.error:
        return re.escape(listed)
    return listed
