from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import collectors._registry
import collectors.api
import integrations._registry
from agent.config import packs
from agent.config.bind import MAX_MISTAKES
from agent.config.files import Bundle, Disk, FilesError, load_bundle, save_bundle
from agent.config.load import Loaded, dump, load
from agent.config.places import colour_wanted, state_directory
from agent.config.regex import compile_regex
from agent.config.schema import Config, Listen
from agent.core.policy import Receiver

RULES = "groups: [{name: g, rules: [{alert: A, expr: 'up == 0', annotations: {summary: s, runbook_url: r}}]}]\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def good(loaded: Loaded) -> Config:
    assert loaded.config is not None, "\n".join(map(str, loaded.problems))
    return loaded.config


def test_the_embedded_defaults() -> None:
    loaded = load(None)
    config = good(loaded)
    assert not loaded.problems
    assert list(config.integrations) == ["desk"]
    assert config.integrations["desk"].type == "desk"
    assert config.receivers == (Receiver(name="desk", integration="desk"),)
    assert config.route.receiver == "desk"
    assert {"cpu", "filesystem", "meminfo", "systemd"} <= set(config.collect.host.enabled)
    assert config.listen == Listen(address="127.0.0.1:9787")
    assert [file.file for file in loaded.rules] == ["pack:host", "pack:self"]
    assert loaded.bundle() is None
    assert loaded.policy.route.receiver == "desk"


def test_the_example_configuration_is_right(root: Path) -> None:
    good(load(root / "deploy" / "systemd" / "tocsin.yaml"))


def test_links_of_the_embedded_desk_lead_to_the_listener(tmp_path: Path) -> None:
    config = good(load(write(tmp_path / "c.yaml", "listen: {address: '127.0.0.1:8000'}\n")))
    assert config.integrations["desk"].options.url_base == "http://127.0.0.1:8000"


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert dump(good(load(write(tmp_path / "c.yaml", "# nothing\n")))) == dump(good(load(None)))


@pytest.mark.parametrize(
    "text", ["collect:\nintegrations:\nroute:\n", "collect: {host: }\nintegrations: {}\nrules: {}\n"]
)
def test_an_empty_section_means_its_defaults(tmp_path: Path, text: str) -> None:
    assert dump(good(load(write(tmp_path / "c.yaml", text)))) == dump(good(load(None)))


def test_a_missing_file_is_a_problem() -> None:
    (problem,) = load("/nowhere/tocsin.yaml").problems
    assert str(problem).startswith("/nowhere/tocsin.yaml:0:0: error: /nowhere/tocsin.yaml does not exist")


def test_collectors_are_on_unless_turned_off(tmp_path: Path) -> None:
    text = "collect:\n  host: {cpu: {guest: true}, netdev: off, stat: on, uname: , loadavg: {}}\n"
    host = good(load(write(tmp_path / "c.yaml", text))).collect.host
    assert host.options["cpu"].guest is True
    assert "netdev" not in host.enabled
    assert {"stat", "uname", "loadavg"} < set(host.options)
    assert "meminfo" in host.enabled
    assert "meminfo" not in host.options, "loaded though nobody mentioned it"


def test_others_stands_for_every_collector_that_is_not_mentioned(tmp_path: Path) -> None:
    def enabled(host: str) -> tuple[str, ...]:
        return good(load(write(tmp_path / "c.yaml", f"collect: {{host: {host}}}\n"))).collect.host.enabled

    assert enabled("{others: off, stat: on, loadavg: {}, time: off}") == ("loadavg", "stat")
    assert "meminfo" in enabled("{others: on, stat: off}")


@pytest.mark.parametrize("written", ["on", "{}", "{slabs_include: ^dentry$}"])
def test_a_collector_on_request_is_on_when_it_is_mentioned(tmp_path: Path, written: str) -> None:
    host = good(load(write(tmp_path / "c.yaml", f"collect:\n  host: {{slabinfo: {written}}}\n"))).collect.host
    assert "slabinfo" in host.enabled
    assert "zoneinfo" not in host.enabled


def test_a_receiver_for_each_integration_when_none_are_written(tmp_path: Path) -> None:
    text = "integrations: {a: {type: desk}, b: {type: desk}}\nroute: {receiver: b}\n"
    config = good(load(write(tmp_path / "c.yaml", text)))
    assert [receiver.name for receiver in config.receivers] == ["a", "b"]


def test_rule_files_and_catalogue_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "rules.d").mkdir()
    write(tmp_path / "rules.d" / "b.yml", RULES.replace("name: g", "name: h"))
    write(tmp_path / "rules.d" / "a.yml", RULES)
    write(tmp_path / "cat.yaml", "services: [{name: shop, criticality: high}]\n")
    path = write(
        tmp_path / "c.yaml", "catalogue: cat.yaml\nrules: {packs: [], files: ['rules.d/*.yml', rules.d/a.yml]}\n"
    )
    loaded = load(path)
    assert good(loaded).catalogue.services[0].name == "shop"
    assert [Path(file.file).name for file in loaded.rules] == ["a.yml", "b.yml"]


def test_mistakes_in_named_files_point_into_them(tmp_path: Path) -> None:
    write(tmp_path / "r.yml", "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: 'up =='\n")
    write(tmp_path / "cat.yaml", "servises: []\n")
    path = write(tmp_path / "c.yaml", "catalogue: cat.yaml\nrules: {files: [r.yml]}\nlog: {level: loud}\n")
    loaded = load(path)
    assert loaded.config is None
    assert sorted(Path(problem.file).name for problem in loaded.errors) == ["c.yaml", "cat.yaml", "r.yml"]
    assert loaded.mistakes.startswith("3 mistakes in ")
    assert all(name in loaded.mistakes for name in ("c.yaml", "cat.yaml", "r.yml"))
    assert load(tmp_path / "none").mistakes == f"1 mistake in {tmp_path / 'none'}"


def test_the_hash_follows_what_matters_and_nothing_else(tmp_path: Path) -> None:
    first = write(tmp_path / "a.yaml", "identity: {environment: prod}\nlog: {level: info}\n")
    same = write(tmp_path / "b.yaml", "# the same\nlog:\n  level: info\nidentity:\n  environment: prod\n")
    other = write(tmp_path / "c.yaml", "identity: {environment: test}\n")
    assert load(first).config_hash == load(same).config_hash != load(other).config_hash
    assert len(load(first).config_hash) == 64
    rules = write(tmp_path / "r.yml", RULES)
    with_rules = write(tmp_path / "d.yaml", "rules: {files: [r.yml]}\n")
    before = load(with_rules).config_hash
    rules.write_text(RULES.replace("up == 0", "up == 1"))
    assert load(with_rules).config_hash != before


def test_the_dump_is_canonical_json() -> None:
    text = dump(good(load(None)))
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text


def test_the_last_good_configuration_works_without_its_files(tmp_path: Path) -> None:
    write(tmp_path / "r.yml", RULES)
    write(tmp_path / "cat.yaml", "services: [{name: shop}]\n")
    write(tmp_path / "blackbox.yaml", "modules: {m: {prober: tcp, timeout: 1s}}\n")
    probes = "{modules: blackbox.yaml, targets: [{module: m, target: 'a:1'}]}"
    text = f"catalogue: cat.yaml\nrules: {{packs: [host], files: ['*.yml']}}\ncollect: {{probes: {probes}}}\n"
    path = write(tmp_path / "c.yaml", text)
    before = load(path)
    bundle = before.bundle()
    assert bundle is not None
    kept = tmp_path / "last-good"
    save_bundle(bundle, kept)
    assert kept.stat().st_mode & 0o777 == 0o600
    for file in ("r.yml", "cat.yaml", "blackbox.yaml", "c.yaml"):
        (tmp_path / file).unlink()
    again = load_bundle(kept)
    after = load(again.main, again)
    assert after.config == before.config
    assert after.config_hash == before.config_hash
    assert [file.file for file in after.rules] == [file.file for file in before.rules]


def test_a_module_of_the_exporters_file_that_nobody_uses_may_hold_what_tocsin_lacks(tmp_path: Path) -> None:
    modules = (
        "modules:\n  plain: {prober: tcp}\n  login: {prober: http, http: {fail_if_body_json_matches_cel: body.a}}\n"
    )
    write(tmp_path / "blackbox.yaml", modules)
    text = "collect: {probes: {modules: blackbox.yaml, targets: [{module: MODULE, target: 'a:1'}]}}\n"
    loaded = load(write(tmp_path / "c.yaml", text.replace("MODULE", "plain")))
    options = good(loaded).collect.probes.options
    assert (loaded.errors, list(options.modules)) == ((), ["plain"])
    (warning,) = [problem for problem in loaded.problems if problem.check == "config/unsupported"]
    assert (warning.line, warning.column, warning.severity.value) == (3, 63, "warning")
    assert warning.hint.endswith("no target uses this module, which is left out")
    used = load(write(tmp_path / "d.yaml", text.replace("MODULE", "login")))
    assert [problem.check for problem in used.errors] == ["config/unsupported"]


def test_a_broken_configuration_has_no_bundle(tmp_path: Path) -> None:
    assert load(write(tmp_path / "c.yaml", "nope: 1\n")).bundle() is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"main": 1}', b'{"main": "/a", "texts": {"/a": 1}}', b"\xff"])
def test_a_damaged_bundle_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last-good").write_bytes(content)
    with pytest.raises(FilesError, match="damaged"):
        load_bundle(tmp_path / "last-good")


def test_a_bundle_globs_like_the_disk(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml", "c.txt"):
        write(tmp_path / name, "")
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "d.yml", "")
    texts = {str(path): "" for path in tmp_path.rglob("*") if path.is_file()}
    for pattern in ("*.yml", "[ab].yml", "?.txt", "*/*.yml", "none*"):
        full = f"{tmp_path}/{pattern}"
        assert Bundle("", texts).glob(full) == Disk().glob(full)


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, "a: " * 50_000, "x: &a [*a]\n", "a: &a {b: 1}\nc: {<<: [" + "*a, " * 20_000 + "]}\n", "\x00",
     "a: b: c", "- - - - - -" * 100, "{" * 1000, "? " * 1000, "!!python/object:os.system {}", "\ufeff: \ufeff",
     "%YAML 9.9\n--- a\n"],
)  # fmt: skip
def test_hostile_text_is_refused_with_a_position(tmp_path: Path, text: str) -> None:
    loaded = load(write(tmp_path / "c.yaml", text))
    assert loaded.config is None
    assert loaded.errors


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{i}: 1\n" for i in range(50_000)),
        "route:\n  receiver: desk\n  routes:\n" + "".join(f"  - {{receiver: d{i}}}\n" for i in range(30_000)),
        "receivers:\n" + "".join(f"- {{name: d{i}, integration: x}}\n" for i in range(20_000)),
        "rules: {files: [" + "".join(f"/x{i}*, " for i in range(50_000)) + "]}\n",
        "integrations: {" + "".join(f"k{i}: {{type: desk}}, " for i in range(30_000)) + "}\n",
        "catalogue: {cis: [" + "".join(f"{{id: k{i}, matchers: [x]}}, " for i in range(20_000)) + "]}\n",
    ],
    ids=["keys", "routes", "receivers", "files", "integrations", "matchers"],
)
def test_very_many_mistakes_cost_little_and_are_told_in_part(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "c.yaml", text)
    began = time.process_time()
    loaded = load(path)
    assert time.process_time() - began < 5
    assert loaded.config is None
    assert 1 <= len(loaded.problems) <= MAX_MISTAKES + 1
    assert max(len(str(problem)) for problem in loaded.problems) < 1000


def test_hostile_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    assert load(path).errors[0].check == "yaml/encoding"
    path.write_bytes(b"#" * (2 << 20))
    assert load(path).errors[0].check == "yaml/size"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "is not a regular file" in load(tmp_path / "fifo").errors[0].message
    assert "is a directory" in load(tmp_path).errors[0].message


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str, str, str], None]]:
    """``offer(kind, name, code)``: another distribution's plugin is installed, with this code."""
    points: dict[str, list[EntryPoint]] = {}
    monkeypatch.syspath_prepend(tmp_path)

    def found(group: str) -> list[EntryPoint]:
        return points.get(group, [])

    for module in (packs, collectors._registry, integrations._registry):
        monkeypatch.setattr(module, "entry_points", found)
    caches = (packs._found, collectors.api.available, collectors.api.load, collectors._registry._third_party)

    def add(kind: str, name: str, code: str) -> None:
        package = f"third_party_{len(list(tmp_path.iterdir()))}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(code)
        points.setdefault(f"tocsin.{kind}", []).append(EntryPoint(name, package, f"tocsin.{kind}"))
        for each in caches:
            each.cache_clear()

    yield add
    monkeypatch.undo()
    for each in caches:
        each.cache_clear()
    for name in [name for name in sys.modules if name.startswith("third_party_")]:
        del sys.modules[name]


def test_a_pack_is_offered_by_another_distribution(offer: Callable[[str, str, str], None], tmp_path: Path) -> None:
    offer("packs", "shop", "")
    write(tmp_path / "third_party_0/shop.rules.yml", RULES)
    loaded = load(write(tmp_path / "c.yaml", "rules: {packs: [shop]}"))
    good(loaded)
    assert [group.name for file in loaded.rules for group in file.groups] == ["g"]


def test_two_distributions_may_not_offer_one_pack(offer: Callable[[str, str, str], None], tmp_path: Path) -> None:
    offer("packs", "host", "")
    (problem,) = load(None).errors
    assert "'host' is offered twice, by Tocsin and entry point 'third_party_0'; uninstall one" in problem.message
    assert not load(write(tmp_path / "c.yaml", "rules: {packs: []}")).errors


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_module", "cannot be read: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise KeyError('boom')", "cannot be read: KeyError: 'boom'"),
        ("", "cannot be read: FileNotFoundError"),
    ],
)
def test_a_broken_pack_is_a_mistake_only_where_it_is_asked_for(
    offer: Callable[[str, str, str], None], tmp_path: Path, code: str, message: str
) -> None:
    offer("packs", "shop", code)
    assert not load(None).errors
    (problem,) = load(write(tmp_path / "c.yaml", "rules: {packs: [host, shop]}")).errors
    assert (problem.line, problem.column) == (1, 23)
    assert "'shop' from entry point 'third_party_0'" in problem.message
    assert message in problem.message


PLUGIN = "import msgspec\nMETRICS = ()\nclass Options(msgspec.Struct): pass\ndef build(*_): "


@pytest.mark.parametrize(
    ("code", "message"),
    [("raise TypeError('boom')", "cannot be built: TypeError: boom"), ("return object()", " lacks ")],
)
def test_a_plugin_that_cannot_be_built_is_a_mistake_with_its_place(
    offer: Callable[[str, str, str], None], tmp_path: Path, code: str, message: str
) -> None:
    offer("collectors", "geiger", PLUGIN + code)
    offer("integrations", "plain", PLUGIN + code)
    text = "collect: {host: {geiger: {}}}\nintegrations: {tickets: {type: plain}}\n"
    first, second = load(write(tmp_path / "c.yaml", text)).errors
    assert (first.line, second.line) == (1, 2)
    assert {first.check, second.check} == {"config/plugin"}
    assert "collector 'geiger'" in first.message
    assert message in first.message
    assert "integration 'tickets' of type 'plain'" in second.message
    assert message in second.message


def test_places() -> None:
    assert state_directory("/data", {"STATE_DIRECTORY": "/var/lib/tocsin"}) == Path("/data")
    assert state_directory("auto", {"STATE_DIRECTORY": "/var/lib/tocsin:/var/lib/x"}) == Path("/var/lib/tocsin")
    assert state_directory("auto", {}, uid=0) == Path("/var/lib/tocsin")
    assert state_directory("auto", {"HOME": "/home/u"}, uid=1000) == Path("/home/u/.local/state/tocsin")
    assert state_directory("auto", {"HOME": "/home/u", "XDG_STATE_HOME": "/s"}, uid=1000) == Path("/s/tocsin")
    assert colour_wanted({"TERM": "xterm"})
    assert not colour_wanted({"TERM": "xterm", "NO_COLOR": "1"})
    assert not colour_wanted({"TERM": "dumb"})


def test_regular_expressions_are_whole_linear_and_bounded() -> None:
    matches = compile_regex("a.b|c")
    assert matches("a\nb")
    assert matches("c")
    assert not matches("xc")
    assert not compile_regex("(a+)+$")("a" * 5000 + "b")
    for wrong in ("(", "a" * 5000, "x{5000}", "(?=a)"):
        with pytest.raises(ValueError):
            compile_regex(wrong)
