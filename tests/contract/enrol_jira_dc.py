"""Jira Data Center against its stateful fake."""

from __future__ import annotations

from jira_bench import bench_of

from integrations import jira_dc

HTTP = True
bench = bench_of(jira_dc, cloud=False)
