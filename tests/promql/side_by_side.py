"""Evaluate generated expressions here and by Debian's Prometheus, over the same data, and compare.

    python tests/promql/side_by_side.py [--count 5000] [--seed 1]

Prometheus 2.42 counts a sample on the left edge of a window in, Prometheus 3 and Tocsin do not; the generator keeps
every edge off the samples. Every fourth is a range query. Results are the same when they have the same labels and
values within 1e-9, or both fail.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from expressions import Expressions, series  # noqa: E402 - the path is set above

from rules.api import EvalError, SeriesWindow, compile_expr, load_openmetrics, parse, to_api_json  # noqa: E402

Answer = dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] | None
"""Times and values by label set; None when the evaluation failed."""
STEP = 35_000
STEPS = 6
"""Of the range queries; no step touches a sample."""


@dataclass
class Comparison:
    same: int = 0
    empty: int = 0
    failed: int = 0
    differences: list[str] = field(default_factory=list)


def dump(seed: int) -> str:
    lines = []
    for name, labels, samples in series(seed):
        identity = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
        lines += [f"{identity} {value!r} {at / 1000:.3f}" for at, value in samples]
    return "\n".join(sorted(lines, key=lambda line: line.split("{")[0])) + "\n# EOF\n"


@contextmanager
def prometheus(text: str, program: str = "prometheus", tool: str = "promtool") -> Iterator[int]:
    """A Prometheus over the dump on a loopback port."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "dump.om")
        data.write_text(text, encoding="utf-8")
        Path(folder, "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
        create = [tool, "tsdb", "create-blocks-from", "openmetrics", str(data), f"{folder}/data"]
        subprocess.run(create, check=True, capture_output=True, timeout=60)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        arguments = [
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_ready(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"prometheus ended with {process.returncode}")
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
                connection.request("GET", "/-/ready")
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("prometheus is not ready after 30 s")


def ask(connection: http.client.HTTPConnection, expr: str, at: int, *, ranged: bool) -> Answer:
    query = {"query": expr, "time": f"{at / 1000:.3f}"}
    if ranged:
        end = f"{(at + STEP * STEPS) / 1000:.3f}"
        query = {"query": expr, "start": query["time"], "end": end, "step": f"{STEP / 1000:.3f}"}
    connection.request("GET", f"/api/v1/query{'_range' if ranged else ''}?{urlencode(query)}")
    answer = json.loads(connection.getresponse().read())
    if answer["status"] != "success":
        if answer["errorType"] != "execution":
            raise RuntimeError(f"the reference does not understand {expr}: {answer['error']}")
        return None
    return _values(answer["data"])


def evaluate(window: SeriesWindow, expr: str, at: int, *, ranged: bool) -> Answer:
    query = compile_expr(parse(expr))
    try:
        if ranged:
            return _values(to_api_json(query.range(window, at, at + STEP * STEPS, STEP)))
        return _values(to_api_json(query.instant(window, at)))
    except EvalError:
        return None


def _values(data: dict[str, Any]) -> Answer:
    found = {}
    for item in data["result"]:
        points = item["values"] if "values" in item else [item["value"]]
        found[tuple(sorted(item["metric"].items()))] = [(float(at), float(value)) for at, value in points]
    return found


def alike(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> bool:
    if len(ours) != len(theirs):
        return False
    return all(a[0] == b[0] and close(a[1], b[1]) for a, b in zip(ours, theirs, strict=True))


def close(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b) or math.isinf(a) or math.isinf(b):
        return repr(a) == repr(b)
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def compare(count: int, seed: int) -> Comparison:
    text = dump(seed)
    window = load_openmetrics(text)
    expressions = Expressions(seed)
    result = Comparison()
    with prometheus(text) as port, closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for number in range(count):
            expr, at = expressions.vector(), expressions.time()
            ranged = number % 4 == 3
            theirs = ask(connection, expr, at, ranged=ranged)
            ours = evaluate(window, expr, at, ranged=ranged)
            if theirs is None or ours is None:
                same = theirs is ours
                result.failed += same
            else:
                same = set(theirs) == set(ours) and all(alike(ours[key], theirs[key]) for key in theirs)
                result.empty += same and not theirs
            if same:
                result.same += 1
            else:
                result.differences.append(
                    f"{expr}\n  at {at}{' and later' if ranged else ''}\n  ours   {ours}\n  theirs {theirs}"
                )
    return result


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=5000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    result = compare(given.count, given.seed)
    for difference in result.differences:
        print(difference)
    print(
        f"{given.count} expressions, seed {given.seed}: {result.same} the same "
        f"({result.empty} empty, {result.failed} failing on both sides), {len(result.differences)} different"
    )
    return 1 if result.differences else 0


if __name__ == "__main__":
    sys.exit(main())
