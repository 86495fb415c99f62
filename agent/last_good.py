"""The configuration that last worked, with its rule files: kept for a start that finds a broken one."""

from __future__ import annotations

from pathlib import Path

from agent import log
from agent.config.files import FilesError, load_bundle, save_bundle
from agent.config.load import Loaded, load
from agent.config.rule_files import Kept

LAST_GOOD = "last-good.json"
_log = log.get("daemon")


def keep_last_good(loaded: Loaded, state: Path) -> None:
    """What a later start falls back to when the files on disk have become wrong."""
    bundle = loaded.bundle()
    if bundle is None:
        return
    try:
        save_bundle(bundle, state / LAST_GOOD)
    except OSError as error:  # a full disk must not keep the agent from telling about it
        _log.warning("last_good_configuration_not_kept", error=str(error))


def last_good(state: Path, profile: str = "") -> Loaded | None:
    """The whole configuration that was kept, over ``profile``; None without one."""
    try:
        bundle = load_bundle(state / LAST_GOOD)
    except FilesError:
        return None
    return load(bundle.main, bundle, kept=Kept(), profile=profile)


def with_old_versions(path: Path | None, loaded: Loaded, state: Path) -> Loaded:
    """The same configuration, its wrong rule files replaced by their last good versions as far as there are any."""
    try:
        texts = load_bundle(state / LAST_GOOD).texts
    except FilesError:
        return loaded
    held = Kept(texts={name: text.encode() for name, text in texts.items()})
    again = load(path, kept=held, profile=loaded.profile)
    return again if again.config is not None else loaded
