"""Who the agent is, for every state a machine-id file is found in."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from agent.identity import AUTO, identify

OWN = "0123456789abcdef0123456789abcdef"


def ci(root: Path, state: Path) -> str:
    return identify(AUTO, root, state).ci.id


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/etc").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def test_the_machine_id_decides_and_is_not_shown(root: Path, state: Path) -> None:
    (root / "etc/machine-id").write_text(OWN + "\n")
    first = ci(root, state)
    assert re.fullmatch("machine:[0-9a-f]{24}", first)
    assert OWN not in first
    assert list(state.iterdir()) == []
    (root / "etc/machine-id").write_text(OWN.replace("0", "f"))
    assert ci(root, state) != first


@pytest.mark.parametrize(
    "content", [None, "", "uninitialized\n", "0" * 32 + "\n", OWN[:-1], OWN + OWN, OWN.upper(), "é" * 32, "\0" * 32]
)
def test_without_a_usable_one_the_agent_keeps_its_own(root: Path, state: Path, content: str | None) -> None:
    if content is not None:
        (root / "etc/machine-id").write_text(content)
    first = ci(root, state)
    assert ci(root, state) == first, "the identity changed with a restart"
    assert [path.name for path in state.iterdir()] == ["machine-id"]
    other = state.parent / "other"
    other.mkdir()
    assert ci(root, other) != first


def test_bytes_that_are_no_text_are_no_machine_id(root: Path, state: Path) -> None:
    (root / "etc/machine-id").write_bytes(b"\xff" * 32)
    assert ci(root, state) == ci(root, state)


def test_a_machine_id_given_later_does_not_come_before_it_is_whole(root: Path, state: Path) -> None:
    """systemd writes ``uninitialized`` during the first boot."""
    (root / "etc/machine-id").write_text("uninitialized\n")
    kept = ci(root, state)
    (root / "etc/machine-id").write_text(OWN)
    assert ci(root, state) != kept  # the machine has a name of its own from here on


def test_a_half_written_own_id_is_never_seen(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ci(root, state)
    assert not (state / "machine-id").exists()


def test_a_state_directory_that_takes_nothing_is_an_error_and_no_new_identity_each_time(root: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ci(root, root / "nowhere")


def test_a_configured_ci_wins(root: Path, state: Path) -> None:
    own = identify("CI0012345", root, state)
    assert (own.ci.id, own.ci.name) == ("CI0012345", "CI0012345")
    assert own.instance
    assert list(state.iterdir()) == []


def test_the_name_is_not_part_of_the_identity(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "etc/machine-id").write_text(OWN)
    before = identify(AUTO, root, state)
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    after = identify(AUTO, root, state)
    assert after.ci.id == before.ci.id
    assert (after.ci.name, after.instance) == ("renamed", "renamed")
