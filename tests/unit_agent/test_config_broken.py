"""Every broken configuration in ``broken_config/`` is refused with exactly the messages beside it.

To add one: write ``<mistake>.yaml`` and put what a person should read into ``<mistake>.txt``;
INTEGRATIONS stands for the names of all integrations.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.load import load
from integrations.api import available

CORPUS = Path(__file__).parent / "broken_config"


def messages(path: Path) -> str:
    loaded = load(path)
    assert loaded.config is None, "the file was accepted"
    known = ", ".join(available())
    said = "".join(str(problem).replace(f"{path.parent}/", "") + "\n" for problem in loaded.problems)
    return said.replace(known, "INTEGRATIONS")


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.yaml")), ids=lambda path: path.stem)
def test_broken_configuration(path: Path) -> None:
    assert messages(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_the_corpus_is_whole() -> None:
    stems = {path.stem for path in CORPUS.glob("*.yaml")}
    assert len(stems) >= 60
    assert stems == {path.stem for path in CORPUS.glob("*.txt")}
    for path in CORPUS.glob("*.txt"):
        assert ": error: " in path.read_text(encoding="utf-8"), path.stem
