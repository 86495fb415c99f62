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


SKIPPED = {
    "native histograms": ("h", "m + h", "histogram_avg(m)", "histogram_quantile(0.5, base)", "base"),
    "experimental start timestamps": ("st", "started"),
    "experimental syntax: the modifiers anchored and smoothed": ("rate(m[5m] anchored)", "m smoothed"),
    "experimental syntax: the fill modifiers": ("m + fill(0) m", "m + on () group_left fill_right(0) m"),
    "experimental syntax: the operators </ and >/ for native histograms": ("m </ 5", "m >/ 5"),
    "experimental syntax: durations that are computed": (
        "m[5m * 2]", "m[(5m)]", "m[-1m + 2m]", "m[step()]", "m[5m:max(1m, step())]", "m[range() + 1m]",
        "m offset (2 * 3)",
        "m offset -(1m)", "m offset step()", "m offset -step()", "m offset min(1m, 2m)", "m[5m ^ 2]",
    ),
    "experimental info": ("info(m)", "info(m, {a='b'})"),
    "experimental limit_ratio": ("limit_ratio(0.5, m)",),
    "experimental start": ("start()",),
    "experimental end": ("m > end()",),
    "experimental range": ("range()",),
    "experimental step": ("step()",),
    "experimental integral": ("integral(m[5m])",),
    "experimental start_timestamp": ("start_timestamp(m)",),
}  # fmt: skip
"""All that a case may be skipped for, and cases that are."""
LOADED = """
load 1m
  h {{schema:0 count:1}}x3
  m 1
  started@st -1m
  started 1

load_with_nhcb 1m
  base_bucket{le="+Inf"} 1

load 1m
  @st -30s
  st 1

"""


def test_runner_skips_for_these_reasons_only(tmp_path: Path) -> None:
    path = tmp_path / "skips.test"
    path.write_text(LOADED + "".join(f"eval instant at 0 {query}\n\n" for each in SKIPPED.values() for query in each))
    tally = runner.Tally()
    runner.run_file(path, tally)
    assert tally.failures == []
    assert tally.skips == {reason: len(queries) for reason, queries in SKIPPED.items()}
    assert tally.passed == 0


@pytest.mark.parametrize(
    "block",
    [
        "eval instant at 0 base_bucket\n  base_bucket{le='+Inf'} 1",
        "eval instant at 0 limitk(1, m)\n  m 1",
        "eval instant at 0 mad_over_time(m[1m])\n  {} 0",
        "eval instant at 0 rate(m[1m2m])",
        "eval instant at 0 nope(m)",
        "eval instant at 0 m[",
        "load x\n  m 1",
        "load 1m\n  m{ 1",
        "do this",
        "eval instant at 0 m\n  expect warn\n  m 1",
        "eval instant at 0 m\n  expect info msg: x\n  m 1",
        "eval instant at 0 quantile(2, m)\n  expect no_warn\n  {} Inf",
        "eval instant at 0 quantile(2, m)\n  expect warn msg: PromQL warning: other\n  {} Inf",
        "eval instant at 0 quantile(2, m) + quantile(3, m)\n  expect warn regex: got 2\n  {} Inf",
        "eval_warn instant at 0 m\n  m 1",
        "eval instant at 0 m\n  expect warn\n  expect no_warn\n  m 1",
        "eval instant at 0 m\n  expect something\n  m 1",
        "eval instant at 0 m\n  m 1 2",
        "eval instant at 0 m\n  expect string 'a'",
    ],
)
def test_what_is_no_reason_to_skip(tmp_path: Path, block: str) -> None:
    path = tmp_path / "case.test"
    path.write_text(f"{LOADED}{block}\n")
    tally = runner.Tally()
    runner.run_file(path, tally)
    assert not tally.skips
    good = block.startswith(("eval instant at 0 base_bucket", "eval instant at 0 limitk", "eval instant at 0 mad"))
    assert (tally.passed, len(tally.failures)) == ((1, 0) if good else (0, 1)), tally.failures
