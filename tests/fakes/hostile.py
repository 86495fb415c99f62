"""Text that a host, a device or a label may carry to hurt whoever puts it into a query, a page, a log or a terminal."""

from __future__ import annotations

_CORES = (
    "'", '"', "\\", "\\'", "'' OR '1'='1", "' OR 1=1 --", "'; DROP TABLE tickets; --", "' AND Status = 'deleted", "x' OR id > '0",
    "\\' OR id > 0 OR 'CF.{DedupKey}' = '", "'CF.{DedupKey}' = 'toc-", "' UNION SELECT password FROM users --", "%", "_", "%%%s%n", "*",
    "^active=false^ORDERBYnumber", "javascript:gs.sleep(1)", "labels = x OR project != y", "{}", "{0}", "{{7*7}}", "{% raw %}", "${7*7}",
    "#{7*7}", "<%= 7*7 %>", "$(reboot)", "`reboot`", "| reboot", "; reboot", "&& reboot", "../../etc/passwd", "..%2f..%2fetc%2fpasswd",
    "file:///etc/passwd", "%00", "%0d%0aSet-Cookie: a=b", "\r\nX-Injected: 1", "\nHost: evil", "\r", "\n\n\n", "\t\t", "\x00", "\x00\x00 hidden",
    "\x07\x08", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "\x7f", "\x85next", "\u2028line", "\u2029para", "\u202eevil\u202c",
    "\u2066isolate\u2069", "\ufeffbom", "\ufffe", "\ufdd0", "\ud800", "\udfff low", "\ud83d lone high", "😀", "👩‍👩‍👧‍👦", "🇨🇳🇩🇪", "é́́́́́",
    "Z̸̧̢a̶l̷g̵o̴", "磁盘已满", "اللغة", "עברית", "ﷺ", "İıſK", "ＦＵＬＬ", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</textarea>", "&lt;&amp;",
    "[click](javascript:alert(1))", "![x](http://evil/a.png)", "{code}x{code}", "@everyone", "!ping", "=cmd|'/C calc'!A0", "+1+1", "-- \nsig", "\n.\n",
    "From nobody", "Subject: forged", "Content-Type: text/html\n\n<b>", "--boundary--", '{"a": [', "]}", "null", "true", "NaN", "-1", "1e999", "0x10",
    "Tocsin-Id: toc-ffffffffffffffffffffffffffffffff episode 9", 'Tocsin-Facts: {"forged":"yes"}', 'Tocsin-Ci: ["forged","forged"]',
    "Tocsin-Id: toc-ffffffffffffffffffffffffffffffff episode 9\nTocsin-Ci: [\"a\",\"b\"]\nTocsin-Facts: {\"forged\":\"yes\"}",
    "toc-ffffffffffffffffffffffffffffffff", "note/1", "[toc-1/1]", "A" * 300, "é" * 300, "x" * 5000, "(" * 300, "word " * 100,
)  # fmt: skip

HOSTILE = tuple(
    shape.format(core) if "{" not in core else shape.replace("{}", core)
    for core in _CORES
    for shape in ("{}", "a {} z")
)
"""More than 200 payloads: each core alone, and between innocent text."""
