"""Which repositories dnf has, by its configuration and its caches: those enabled, and what they leave out."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from collectors._host import FileInfo, Tree
from collectors._model import Notice

CACHES = ("var/cache/libdnf5", "var/cache/dnf")
_FOLDERS = ("etc/yum.repos.d", "etc/distro.repos.d")
_CONFIGURATION = "etc/dnf/dnf.conf"
_FILES_LIMIT = 2000
_TEXT_LIMIT = 1 << 20
_CACHE = re.compile(r"(.+)-[0-9a-f]{16}")
_DATA = re.compile(r"<data\s+type=[\"'](\w+)[\"']\s*>(.*?)</data>", re.DOTALL)
_HREF = re.compile(r"<location\s[^>]*href=[\"']([^\"']+)[\"']")
_TRUE = ("1", "yes", "true", "on")


class Repository(NamedTuple):
    """One enabled repository: its newest cache, and the names of packages that are left out."""

    name: str
    folder: str
    excluded: re.Pattern[str] | None

    @property
    def list_of_lists(self) -> str:
        return f"{self.folder}/repomd.xml"


class Repositories:
    def __init__(self, root: Tree) -> None:
        self._root = root

    def state(self) -> tuple[FileInfo | str | None, ...]:
        """What changes with any of the files; empty where dnf has no caches."""
        caches = [each for cache in self._caches() for each in (cache[1], self._root.info(f"{cache[1]}/repomd.xml"))]
        return (*caches, *map(self._root.info, self._configuration())) if caches else ()

    def enabled(self, notices: list[Notice]) -> Iterator[Repository]:
        """Those that are enabled and have a cache; what is wrong goes to ``notices``."""
        newest: dict[str, tuple[float, str]] = {}
        for name, folder in self._caches():
            info = self._root.info(f"{folder}/repomd.xml")
            if info is not None:
                newest[name] = max(newest.get(name, (0.0, "")), (info.mtime, folder))
        sections = self._sections(notices)
        everywhere = sections.pop("main", {})
        for name, section in sections.items():
            if section.get("enabled", "1").strip().lower() not in _TRUE:
                continue
            if name in newest:
                yield Repository(name, newest[name][1], _excluded(everywhere, section))
            else:
                notices.append(
                    Notice(f"repository {name:.80} has no list in /{CACHES[-1]} (run dnf makecache, or disable it)")
                )

    def lists(self, repository: Repository) -> dict[str, str]:
        """Path of each list of a repository, by its type: ``primary``, ``updateinfo``."""
        text = self._root.read(repository.list_of_lists, _TEXT_LIMIT)
        found = {kind: href[1] for kind, body in _DATA.findall(text) if (href := _HREF.search(body))}
        return {kind: f"{repository.folder}/{href.rpartition('/')[2]}" for kind, href in found.items()}

    def _caches(self) -> Iterator[tuple[str, str]]:
        """(repository, folder) of each cache."""
        for cache in CACHES:
            for name in sorted(self._root.some(cache, _FILES_LIMIT) or ()):
                found = _CACHE.fullmatch(name)
                if found is not None:
                    yield found[1], f"{cache}/{name}/repodata"

    def _configuration(self) -> Iterator[str]:
        yield _CONFIGURATION
        for folder in _FOLDERS:
            for name in sorted(self._root.some(folder, _FILES_LIMIT) or ()):
                if name.endswith(".repo"):
                    yield f"{folder}/{name}"

    def _sections(self, notices: list[Notice]) -> dict[str, Mapping[str, str]]:
        from configparser import ConfigParser, Error  # noqa: PLC0415 - for hosts with dnf only

        found: dict[str, Mapping[str, str]] = {}
        for path in self._configuration():
            parser = ConfigParser(interpolation=None, strict=False, default_section="")
            try:
                parser.read_string(self._root.find(path, _TEXT_LIMIT) or "", f"/{path}")
            except Error as error:
                text = " ".join(str(error).split())
                notices.append(
                    Notice(f"dnf's configuration: {text:.200} (mend it: this file's repositories do not count)")
                )
                continue
            found |= {name: parser[name] for name in parser.sections()}
        return found


def _excluded(*sections: Mapping[str, str]) -> re.Pattern[str] | None:
    """The patterns of ``excludepkgs`` and of ``exclude``, as it was called before."""
    patterns = [
        fnmatch.translate(pattern)
        for section in sections
        for key in ("excludepkgs", "exclude")
        for pattern in re.split(r"[\s,]+", section.get(key, ""))
        if pattern
    ]
    return re.compile("|".join(patterns)) if patterns else None
