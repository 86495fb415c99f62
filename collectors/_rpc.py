"""The counters of the kernel's RPC programs, /proc/net/rpc/*: a word and numbers on each line (nfsstat(8))."""

from __future__ import annotations

from collectors._model import Labels, labels
from collectors._numbers import counts

V2 = (
    "Null GetAttr SetAttr Root Lookup ReadLink Read WrCache Write Create Remove Rename Link SymLink MkDir RmDir ReadDir"
    " FsStat"
)
V3 = (
    "Null GetAttr SetAttr Lookup Access ReadLink Read Write Create MkDir SymLink MkNod Remove RmDir Rename Link ReadDir"
    " ReadDirPlus FsStat FsInfo PathConf Commit"
)
"""Procedures of NFS 2 and 3 in the order of their numbers (RFC 1094, RFC 1813), named as node_exporter does."""


def parse(text: str, where: str) -> dict[str, list[int]]:
    """The numbers of each line by its first word. Kernels to 5.x write a histogram of fractions after ``th N``."""
    lines = (line.split() for line in text.splitlines())
    return {fields[0]: counts(fields[1:2] if fields[0] == "th" else fields[1:], where) for fields in lines if fields}


def labelled(proto: str, methods: str) -> list[Labels]:
    """Labels of each of the methods, names with blanks between them, of a version of the protocol."""
    return [labels(method=method, proto=proto) for method in methods.split()]
