"""A sample of the comparison with a real Prometheus; ``side_by_side.py`` runs any number of expressions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import side_by_side


@pytest.mark.server("prometheus")
@pytest.mark.server("promtool")
def test_generated_expressions_mean_the_same_here_and_there() -> None:
    result = side_by_side.compare(count=1000, seed=4)
    assert not result.differences, "\n".join(result.differences)
    assert result.same == 1000
    assert result.same - result.empty - result.failed > 700


def test_the_comparison_sees_a_difference() -> None:
    assert not side_by_side.close(1.0, 1.0 + 1e-8)
    assert not side_by_side.close(float("nan"), 1.0)
    assert not side_by_side.close(float("inf"), float("-inf"))
    assert side_by_side.close(float("nan"), float("nan"))
    assert side_by_side.close(1e9, 1e9 + 1e-3)
