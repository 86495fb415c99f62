"""Our own cases in both ways of dropping names, and the reference's cases when they are beside the repository."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
REFERENCE = HERE.parents[2] / "shared" / "promqltest"


def load_runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_promqltest", HERE / "run_promqltest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_promqltest"] = module
    spec.loader.exec_module(module)
    return module


runner = load_runner()


@pytest.mark.parametrize("delayed", [False, True], ids=["names dropped at once", "names dropped at the end"])
@pytest.mark.parametrize("path", sorted(HERE.glob("*.test")), ids=lambda path: path.name)
def test_own_cases(path: Path, delayed: bool) -> None:
    tally = runner.Tally()
    runner.run_file(path, tally, replace(runner.OPTIONS, delayed_names=delayed))
    assert not tally.failures, "\n".join(tally.failures)
    assert tally.passed > 10
    assert not tally.skips


def test_reference_cases(capsys: pytest.CaptureFixture[str]) -> None:
    paths = sorted(REFERENCE.glob("*.test"))
    if not paths:
        pytest.skip(f"the reference cases are not at {REFERENCE}")
    code = runner.main([str(path) for path in paths])
    output = capsys.readouterr().out
    assert code == 0, output
    passed = int(output.splitlines()[-1].split()[0])
    assert passed >= 700, output
    reasons = [line.split(maxsplit=2)[2] for line in output.splitlines() if line.startswith("skipped")]
    assert all(reason.startswith(("native histograms", "experimental")) for reason in reasons)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("eval instant at 0 m\n  m 2", "expected 2.0, got 1.0"),
        ("eval instant at 0 m\n  n 1", "unexpected series"),
        ("eval instant at 0 m", "unexpected series"),
        ("eval instant at 0 m\n  expect fail", "should have failed"),
        ("eval instant at 0 m + on() group_left nope(", "not accepted"),
        ("eval instant at 0 1\n  2", "expected 2.0, got 1.0"),
        ("eval instant at 0 sort({x=~'.+'})\n  expect ordered\n  b{x='2'} 3\n  a{x='1'} 2", "wrong order"),
        ("eval range from 0 to 2m step 1m m\n  m 1 1 2", "got 1.0"),
    ],
)
def test_runner_sees_wrong_results(tmp_path: Path, block: str, message: str) -> None:
    path = tmp_path / "wrong.test"
    path.write_text(f"load 1m\n  m 1 1 1\n  a{{x='1'}} 2\n  b{{x='2'}} 3\n\n{block}\n")
    tally = runner.Tally()
    runner.run_file(path, tally)
    assert tally.passed == 0
    assert len(tally.failures) == 1
    assert message in tally.failures[0]


def test_runner_counts_skips_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "skips.test"
    path.write_text(
        "load 1m\n  h {{schema:0 count:1}}\n  m 1\n\n"
        "eval instant at 0 h\n\neval instant at 0 sum(m) + info(m)\n\neval instant at 0 rate(m[5m] smoothed)\n"
    )
    tally = runner.Tally()
    runner.run_file(path, tally)
    assert tally.skips == {
        "native histograms": 1,
        "experimental info": 1,
        "experimental syntax: the modifiers anchored and smoothed": 1,
    }
    assert tally.passed == 0
