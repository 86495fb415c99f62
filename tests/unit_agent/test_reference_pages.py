"""The generated pages in ``docs/`` are what the program says now."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import msgspec.inspect as mi

import collectors.api
import integrations.api
from agent import metrics_reference
from agent.cli import reference as command_reference
from agent.cli.parser import COMMANDS
from agent.config import reference as configuration_reference
from agent.config.bind import Binder, Hook
from agent.config.load import load
from agent.config.scalars import duration_text
from agent.config.schema import Backend, CollectorChoice, Config, Targets
from agent.config.sections import bind_backend, bind_collectors, bind_targets, refuse_unsupported
from agent.core.policy import DEFAULT_GROUP_BY, DEFAULT_GROUP_INTERVAL, DEFAULT_GROUP_WAIT
from agent.own_metrics import OWN_METRICS
from rules.api import Mapping, read_yaml


def test_the_configuration_page_is_current() -> None:
    page = configuration_reference.PAGE.read_text(encoding="utf-8")
    assert page == configuration_reference.render(), "run: make docs"


def test_the_command_page_is_current() -> None:
    page = command_reference.PAGE.read_text(encoding="utf-8")
    assert page == command_reference.render(), "run: make docs"


def test_the_metrics_page_is_current() -> None:
    page = metrics_reference.PAGE.read_text(encoding="utf-8")
    assert page == metrics_reference.render(), "run: make docs"


def test_the_metrics_page_says_what_each_metric_means() -> None:
    tables = metrics_reference.render().partition("\n## Beside node_exporter\n")[0]
    rows = [line for line in tables.splitlines() if line.startswith("| `")]
    declared = [metric for name in collectors.api.available() for metric in collectors.api.load(name).METRICS]
    declared += collectors.api.TARGET_METRICS
    kinds = collectors.api.target_kinds()
    declared += [metric for kind in kinds for metric in collectors.api.load_targets(kind).METRICS]
    names = [metric.name for metric in (*collectors.api.FRAME_METRICS, *declared, *OWN_METRICS)]
    assert [row.split("`")[1] for row in rows] == names
    assert not [row for row in rows if row.rstrip().endswith("|  |")]


def test_the_pages_hold_everything() -> None:
    configuration = configuration_reference.render()
    assert all(f"| `{name}` |" in configuration for name in Config.__struct_fields__)
    command = command_reference.render()
    assert all(f"\n## tocsin {name}\n" in command for name in COMMANDS)


def test_the_pages_are_where_people_look(root: Path) -> None:
    assert root / "docs" == configuration_reference.PAGE.parent
    assert root / "docs" == command_reference.PAGE.parent
    assert root / "docs" == metrics_reference.PAGE.parent


def test_every_key_of_ours_is_explained() -> None:
    unexplained = [
        line
        for line in configuration_reference.render().splitlines()
        if line.startswith("| `") and (line.endswith("|  |") or line.replace("\\|", "").count("|") != 5)
    ]
    assert unexplained == []


def test_defaults_that_only_the_root_has_are_the_real_ones() -> None:
    page = configuration_reference.render()
    for key, default in (("group_wait", DEFAULT_GROUP_WAIT), ("group_interval", DEFAULT_GROUP_INTERVAL)):
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{key}` "))
        assert f"at the root `{duration_text(default)}`" in row
    assert f"at the root `[{', '.join(DEFAULT_GROUP_BY)}]`" in page


def test_the_first_example_works(tmp_path: Path) -> None:
    text = configuration_reference.render().split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "tocsin.yaml"
    path.write_text(text)
    assert load(path).problems == ()


def test_every_example_and_default_is_accepted() -> None:
    hooks: dict[type, Hook] = {
        CollectorChoice: partial(bind_collectors, good={}),
        Backend: partial(bind_backend, good={}),
        Targets: partial(bind_targets, read=lambda node: None, folder=lambda node: {}, warn=lambda problems: None),
        collectors.api.Unsupported: refuse_unsupported,
    }
    sections: list[type[msgspec.Struct]] = [Config]
    sections += [collectors.api.load(name).Options for name in collectors.api.available()]
    sections += [integrations.api.load(name).Options for name in integrations.api.available()]
    sections += [collectors.api.load_targets(kind).Options for kind in collectors.api.target_kinds()]
    fields: list[mi.Field] = []
    for top in sections:
        info = mi.type_info(top)
        assert isinstance(info, mi.StructType)
        below = configuration_reference._places(info, "", {}).values()
        fields += [field for struct in (info, *(struct for struct, _ in below)) for field in struct.fields]
    seen = 0
    for field in fields:
        extra, schema = configuration_reference._meta(field.type)
        shown = [configuration_reference._example(example) for example in schema.get("examples", [])]
        default = configuration_reference._default(field)
        if isinstance(default, int) and extra.get("unit") == "ms":
            shown.append(duration_text(default))
        for text in shown:
            node, problems = read_yaml(f"x: {text}\n", "f")
            assert isinstance(node, Mapping), (text, problems)
            value = node.get("x")
            assert value is not None
            binder = Binder("f", hooks)
            binder.bind(value, field.type, field.name)
            assert binder.problems == [], text
            seen += 1
    assert seen > 60
