"""The worked example in docs/adding-a-collector.md is a collector that works."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pytest
from golden_host import gather, notices, plant, table

from collectors.api import CollectorError


@pytest.fixture
def entropy(root: Path) -> types.ModuleType:
    page = (root / "docs" / "adding-a-collector.md").read_text(encoding="utf-8")
    (code, _test) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    module = types.ModuleType("entropy_of_the_docs")
    exec(compile(code, "adding-a-collector.md", "exec"), module.__dict__)
    return module


def test_the_example(entropy: types.ModuleType, tmp_path: Path) -> None:
    host = plant(tmp_path, {"proc/sys/kernel/random/entropy_avail": "256\n"})
    items = gather(entropy.build(entropy.Options(expect=300), host))
    assert table(items) == {entropy.METRICS[0].name: 256}
    assert notices(items) == ["256 bits of entropy, 300 are expected (is a hardware generator missing?)"]
    assert gather(entropy.build(entropy.Options(), plant(tmp_path / "empty", {}))) == []
    plant(tmp_path, {"proc/sys/kernel/random/entropy_avail": "many\n"})
    with pytest.raises(CollectorError, match="entropy_avail is not a number: 'many"):
        gather(entropy.build(entropy.Options(), host))
    with pytest.raises(ValueError, match="expect: bits cannot be negative"):
        entropy.build(entropy.Options(expect=-1), host)
