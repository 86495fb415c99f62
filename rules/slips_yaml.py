"""What the YAML parser says of a text it cannot read, as a ``Problem`` with its place and the mend."""

from __future__ import annotations

import yaml

from rules.model import Problem

_HINTS = (
    ("tab character", "indent with spaces, not tabs"),
    ("anchor", "quote text that starts with &"),
    ("alias", "quote text that starts with *"),
    ("tag handle", "quote text that starts with !"),
    ("incompatible", "remove the line that begins with %YAML"),
    ("hexdecimal", "\\x takes two digits, \\u four; in double quotes write \\\\ for one backslash"),
    ("scanning a block scalar", "nothing but a comment may follow | or > on its line"),
    ("<document start>", "the lines before it are a document of their own: is a key or a '- ' missing?"),
    ("mapping values are not allowed", "quote text that contains ': ', or mend the indentation"),
    ("cannot start any token", "indent with spaces, not tabs; quote text that starts with @, %, ` or {{"),
    ("block end", "mend the indentation: entries of one list or mapping start in one column"),
    ("while parsing a block", "mend the indentation: entries of one list or mapping start in one column"),
    ("could not find expected ':'", "a key needs ':' and a space after it"),
    ("unexpected end of stream", "close the quote or bracket"),
    ("end of document", "close the quote or bracket"),
    ("flow", "close the bracket, or quote text that starts with { or ["),
    ("unknown escape", "in double quotes write \\\\ for one backslash, or use single quotes"),
    ("escape", "in double quotes write \\\\ for one backslash, or use single quotes"),
)


def syntax_problem(error: yaml.YAMLError, file: str, text: str) -> Problem:
    words = [getattr(error, "context", None), getattr(error, "problem", None)]
    message = ", ".join(word for word in words if word) or " ".join(str(error).split())
    marks = [getattr(error, "problem_mark", None), getattr(error, "context_mark", None)]
    if any(part in message for part in ("end of stream", "flow", "simple key")):
        marks.reverse()  # people look for what was left open, not for the end of the file
    mark = next((mark for mark in marks if mark is not None), None)
    hint = next((hint for part, hint in _HINTS if part in message), "")
    hint = (mark is not None and _hint_from_line(text.splitlines(), mark.line, mark.column)) or hint
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return Problem(file, line, column, f"not YAML: {message[:300]}", hint, "yaml/syntax")


def _hint_from_line(lines: list[str], number: int, column: int) -> str:
    """What the line shows and the parser's message does not."""
    line = lines[number] if number < len(lines) else ""
    if any(each.startswith(("<<<<<<< ", ">>>>>>> ")) for each in lines[max(0, number - 1) : number + 2]):
        return "resolve the merge conflict"
    before, value = line[:column].rstrip(), line[:column].partition(": ")[2].lstrip()
    if column < len(line) and not line[:column].isspace() and line[column : column + 1] not in ":,":
        if value[:1] == "'" and before.endswith("'"):
            return "a ' inside of 'single quotes' is written twice"
        if value[:1] == '"' and before.endswith('"'):
            return 'inside of "double quotes" write \\" for a quote, or use single quotes outside'
        if value[:1] == "{" and before.endswith("}"):
            return "quote text that starts with { or ["
    return ""
