"""Which version of each rule file is in force when some of them have mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.load import Loaded, load
from agent.config.rule_files import Kept
from agent.rule_files import RuleFileStates

GOOD = "groups: [{name: g, rules: [{alert: A, expr: 'up == 0'}]}]\n"
BROKEN = GOOD.replace("== 0", "==")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of one broken rule file and one that is right."""
    (tmp_path / "a.yml").write_text(BROKEN)
    (tmp_path / "b.yml").write_text(GOOD)
    path = tmp_path / "c.yaml"
    path.write_text("rules: {packs: [], files: ['*.yml']}\n")
    return path


def names(loaded: Loaded) -> list[str]:
    return [Path(file.file).name for file in loaded.rules]


def test_whoever_keeps_nothing_gets_an_error(config: Path) -> None:
    loaded = load(config)
    assert loaded.config is None
    assert loaded.refused == ()


def test_without_an_older_version_the_file_is_left_out_and_not_kept_for_later(config: Path) -> None:
    loaded = load(config, kept=Kept())
    assert loaded.config is not None
    assert names(loaded) == ["b.yml"]
    (refused,) = loaded.refused
    assert (Path(refused.file).name, refused.kept, refused.problem.check) == ("a.yml", False, "promql/syntax")
    assert refused.problem in loaded.errors
    bundle = loaded.bundle()
    assert bundle is not None
    assert sorted(Path(path).name for path in bundle.texts) == ["b.yml", "c.yaml"]


def test_the_older_version_takes_its_place_in_the_order_and_in_the_copy(config: Path) -> None:
    file = str(config.with_name("a.yml"))
    texts = {file: GOOD.encode()}
    loaded = load(config, kept=Kept(texts=texts))
    assert names(loaded) == ["a.yml", "b.yml"]
    assert loaded.refused[0].kept
    bundle = loaded.bundle()
    assert bundle is not None
    assert bundle.texts[file] == GOOD
    in_force = {each.file: each for each in loaded.rules}
    again = load(config, kept=Kept(in_force, loaded.texts))
    assert again.rules[0] is in_force[file]
    assert again.bundle() == bundle
    assert again.config_hash == loaded.config_hash != load(config, kept=Kept()).config_hash


def test_an_older_version_that_this_program_refuses_does_not_count(config: Path) -> None:
    loaded = load(config, kept=Kept(texts={str(config.with_name("a.yml")): BROKEN.encode()}))
    assert names(loaded) == ["b.yml"]


def test_a_file_that_is_no_text_is_left_out_of_the_copy(config: Path) -> None:
    config.with_name("a.yml").write_bytes(b"groups: \xff\n")
    bundle = load(config, kept=Kept()).bundle()
    assert bundle is not None
    assert str(config.with_name("a.yml")) not in bundle.texts


def test_what_the_configuration_gets_wrong_is_its_own_mistake(config: Path) -> None:
    config.write_text("rules: {packs: [], files: [none.yml]}\n")
    assert load(config, kept=Kept()).config is None


def test_a_device_that_a_glob_found_holds_nobody_up(config: Path) -> None:
    file = config.with_name("a.yml")
    file.unlink()
    file.symlink_to("/dev/null")
    loaded = load(config, kept=Kept())
    assert names(loaded) == ["b.yml"]
    assert "is not a regular file" in loaded.refused[0].problem.message


def test_since_when_is_kept_while_it_lasts_and_moves_with_the_clock(config: Path) -> None:
    clock = [1_000]
    states = RuleFileStates(lambda: clock[0])
    states.take(load(config, kept=Kept()))
    (state,) = states.refused
    assert (state.since, state.rules, state.in_force) == (1_000, 0, "nothing")
    clock[0] = 5_000
    states.take(load(config, kept=Kept()))
    states.rebase(10_000)
    assert states.refused[0].since == 11_000
    config.with_name("a.yml").write_text(GOOD)
    states.take(load(config, kept=Kept()))
    assert states.refused == ()
    assert [(Path(each.file).name, each.rules) for each in states.all] == [("a.yml", 1), ("b.yml", 1)]
