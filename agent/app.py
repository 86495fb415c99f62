"""``tocsin run``: configuration, state directory, daemon, exit code."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import agent.light  # noqa: F401 - before anything imports aiohttp
from agent import log
from agent.clock import Timeline
from agent.config.load import Loaded, load
from agent.config.places import state_directory
from agent.config.rule_files import Kept
from agent.daemon import AS_ASKED, Daemon
from agent.http.server import ListenerError
from agent.last_good import keep_last_good, last_good, with_old_versions
from agent.open_files import raise_limit
from agent.store import StateBusy, StateRefused, Store, StoreUnavailable
from agent.tasks import PartDied

EX_UNAVAILABLE = 69
EX_IOERR = 74
EX_BUSY = 75
EX_CONFIG = 78
_log = log.get("app")


def run(path: Path | None, state: Path | None, profile: str = "") -> int:
    """Run the agent until it is told to stop; the exit code is sysexits.h's."""
    log.setup("info")
    raise_limit()
    loaded = load(path, kept=Kept(), profile=profile)
    for problem in loaded.problems:
        _say(str(problem))
    directory, in_force = state, AS_ASKED
    if loaded.config is None:
        directory = directory or state_directory("auto")
        fallback = last_good(directory, profile)
        if fallback is None or fallback.config is None:
            _say(f"{loaded.mistakes}, and no last good configuration to run")
            return EX_CONFIG
        in_force = f"the last good one: {loaded.mistakes} now"
        _log.error("running_last_good_configuration", refused=loaded.file, errors=len(loaded.errors))
        loaded = fallback
    config = loaded.config
    if config is None:
        raise AssertionError("unreachable")
    log.setup(config.log.level.value)
    directory = directory or state_directory(config.state.directory)
    if loaded.refused and in_force == AS_ASKED:
        loaded = with_old_versions(path, loaded, directory)
    timeline = Timeline()
    try:
        store = Store.open(directory, timeline.now)
    except StateBusy as error:
        _say(str(error))
        return EX_BUSY
    except StateRefused as error:
        _say(str(error))
        return EX_CONFIG
    except StoreUnavailable as error:
        _say(str(error))
        return EX_IOERR
    _say_opened(store)
    keep_last_good(loaded, directory)
    return asyncio.run(_run(path, loaded, directory, store, timeline, in_force))


async def _run(  # noqa: PLR0917 - what ``run`` has made
    path: Path | None, loaded: Loaded, directory: Path, store: Store, timeline: Timeline, in_force: str
) -> int:
    config = loaded.config
    if config is None:
        raise AssertionError("unreachable")
    try:
        daemon = Daemon(path, loaded, config, state=directory, store=store, timeline=timeline, in_force=in_force)
        await daemon.run()
    except ListenerError as error:
        _say(str(error))
        return EX_UNAVAILABLE
    except (StoreUnavailable, OSError) as error:
        _say(f"the agent cannot work in {directory}: {error}")
        return EX_IOERR
    except PartDied:  # and has said why
        return 1
    except Exception as error:  # noqa: BLE001 - the last word of a process that ends, in the form of the log
        _log.critical("agent_died", error=f"{type(error).__name__}: {error}", exc_info=error)
        return 1
    finally:
        await store.aclose()
    return 0


def _say(text: str) -> None:
    """To the person who starts the agent; what happens later goes to the log."""
    sys.stderr.write(text + "\n")


def _say_opened(store: Store) -> None:
    opened = store.opened
    if opened.migrated_from:
        _log.info("state_file_migrated", from_schema=opened.migrated_from)
    if not opened.rebuilt:
        return
    _log.error(
        "state_file_quarantined", found=opened.found.value, detail=opened.detail, moved_to=opened.quarantined_to,
        restored_from=opened.restored_from or "nothing: rebuilt from live values and open tickets",
    )  # fmt: skip
