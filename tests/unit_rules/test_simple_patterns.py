"""Patterns that need no regex engine mean what RE2 says they mean, and the host pack has no others."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from rules.promql.match import compile_regex, regex_predicate

TEXT = st.text(st.sampled_from("abe.\\n-_/ 0\n|"), max_size=6)
PIECE = st.tuples(
    st.lists(st.sampled_from(["a", "b", "eth", "\\.", "-", "/"]), max_size=3), st.sampled_from(["", ".*", ".+"])
)


@given(st.lists(PIECE, min_size=1, max_size=4), TEXT)
def test_simple_alternatives_match_as_re2_does(pieces: list[tuple[list[str], str]], tail: str) -> None:
    pattern = "|".join("".join(head) + end for head, end in pieces)
    holds, reference = regex_predicate(pattern), compile_regex(pattern).fullmatch
    heads = ["".join(head).replace("\\.", ".") for head, _ in pieces]
    for value in [tail, *heads, *(head + tail for head in heads), *(head + "x" for head in heads)]:
        assert holds(value) is (reference(value) is not None), (pattern, value)


def test_the_host_pack_loads_no_regex_engine() -> None:
    code = (
        "import sys; from agent.config.load import load; from rules.api import Engine, SeriesWindow;"
        "loaded = load(None); Engine(SeriesWindow(), interval_ms=15000).load(loaded.rules);"
        "sys.exit('re2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
