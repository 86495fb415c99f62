"""Jira Cloud against its stateful fake."""

from __future__ import annotations

from jira_bench import bench_of

from integrations import jira_cloud

HTTP = True
bench = bench_of(jira_cloud, cloud=True)
