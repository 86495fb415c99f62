"""Expressions and the checks they fail, and above all those they must not fail: a finding has to be worth reading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lint_bench import configured, defaults, found, names, one, probing, rule_file

from agent.cli import main
from agent.config.lints import Subject, lint
from agent.config.schema import Config

CPU = "node_cpu_seconds_total"
AVAIL, SIZE = "node_filesystem_avail_bytes", "node_filesystem_size_bytes"


@pytest.mark.parametrize(
    "expr",
    [
        "node_load1 > 1",
        'up{job="node", collector="cpu"} == 0',
        "tocsin_backend_up == 0",
        "node_scrape_collector_success == 0",
        "rate(node_context_switches_total[38s]) > 1",
        "max_over_time(node_load1[20s:5s]) > 1",
        '{__name__=~"anything.*"} > 1',
        "absent(node_load1) and on () node_procs_blocked == 0",
        "absent_over_time(node_load1[5m])",
        "node_forks_total < 100",
        'max by (instance, release) (node_uname_info{release="6.1"}) == 1',
        'node_uname_info{release="6.1", version="x"} == 1 unless on (instance) node_load1 > 5',
        'node_network_mtu_bytes{device!~""} > 9000',
        "node_uname_info * on (instance) group_right (nodename) node_load1 > 5",
        'count by (instance) (ALERTS{alertname!="A"}) > 1',
        'ALERTS{severity="info"} == 1',
        'node_load1 > 4 and on () ALERTS{alertname="A"}',
        "last_over_time(node_load1[20s]) > 5",
        f"avg without (cpu) (rate({CPU}[5m])) > 0.9",
        f"sum without (mode) (avg without (cpu) (rate({CPU}[2m]))) * 100 > 90",
        f"100 - avg by (instance) (rate({CPU}[5m])) * 100 > 90",
        f"node_load1 / count without (cpu, mode) ({CPU}) > 2",
        f"{AVAIL} / {SIZE} * 100 < 10 and node_filesystem_readonly == 0",
        f"({AVAIL} * 100) / {SIZE} < 10",
        f"predict_linear({AVAIL}[6h], 4 * 3600) < 0",
        "(node_memory_MemTotal_bytes - node_memory_MemFree_bytes - node_memory_Cached_bytes)"
        " / node_memory_MemTotal_bytes > 0.9",
        "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.1 and on (instance) node_uname_info",
        '(node_memory_SwapFree_bytes < 5e6) * on (instance) group_left (nodename) node_uname_info{nodename=~".+"}',
        "count by (instance) (up == 0) > 3",
        'node_systemd_unit_state{state="failed"} == 1',
        "node_time_seconds - node_boot_time_seconds > 365 * 86400",
        "time() - node_textfile_mtime_seconds > 3600",
        "increase(node_network_receive_errs_total[5m]) > 0",
        "node_network_receive_errs_total == 0",
        "node_network_receive_packets_total - node_network_receive_packets_total offset 5m == 0",
        'node_network_up == 0 unless on (instance) node_network_info{device="lo"}',
        "topk(3, node_load1) > 5",
        "hour() > 8 and on () node_load1 > 5",
        "day_of_week() == 6",
        "node_procs_blocked > 2.5",
        'label_replace(node_load1, "host", "$1", "instance", "(.*):.*") > 4',
        "changes(node_boot_time_seconds[1h]) > 2",
        "deriv(node_memory_MemFree_bytes[10m]) < 0",
        'sum by (instance) (node_filesystem_avail_bytes{device=~"/dev/.+"}) < 1e9',
        "(count by (instance) (node_filesystem_readonly == 1) or vector(0)) > 1",
        "clamp_min(node_load1, 5) > 4",
    ],
)
def test_good_expressions(expr: str) -> None:
    assert names(expr) == []


@pytest.mark.parametrize(
    ("expr", "check"),
    [
        ('count by (instance) (ALERTS{alertname=~"A|B"}) > 1', "own-alerts"),
        ('ALERTS{severity=~"warning|info"} == 1', "own-alerts"),
        ("node_uname_info * on (instance) group_right (nodname) node_load1 > 5", "grouping"),
        ("quantile_over_time(-1, node_load1[5m]) > 5", "quantile"),
        ("node_laod1 > 1", "metric"),
        (f"sum by (instance) (rate({CPU}[1m])) / count by (instance) (node_nope) > 1", "metric"),
        ('{__name__="node_nope"} > 1', "metric"),
        ("rate(node_context_switches_total[37s]) > 1", "window"),
        ("last_over_time(node_load1[10s]) > 5", "window"),
        ("absent(node_load1)", "absent"),
        ("absent(node_load1) == 1", "absent"),
        ('node_md_disks{state="broken"} > 0', "label"),
        ("min by (instance) (node_memory_MemAvailable_bytes) < 10", "bytes"),
        ("node_load1", "evidence"),
        (f"{AVAIL} / {SIZE} < 10", "dead"),
        (f"({SIZE} - {AVAIL}) / {SIZE} > 90", "dead"),
        (f"sum by (instance) ({AVAIL}) / sum by (instance) ({SIZE}) > 95", "dead"),
        (f"100 - avg by (instance) (rate({CPU}[5m])) * 100 > 100", "dead"),
        ("node_network_up == 2", "dead"),
        ("node_network_up == 0.5", "dead"),
        ("ifOperStatus == 9 and ifAdminStatus == 1", "dead"),
        ("day_of_week() == 7", "dead"),
        ("hour() > 23", "dead"),
        ("absent(node_load1) == 0", "dead"),
        ("90 < node_memory_MemFree_bytes / node_memory_MemTotal_bytes", "dead"),
        ('node_processes_state{state="Z"} == 0', "dead"),
        ("rate(node_forks_total[5m]) < 0", "dead"),
        ("(node_load1 > 5) < 3", "dead"),
        ("node_memory_MemFree_bytes >= 0", "dead"),
        (f"node_load1 * on (cpu) {CPU} > 1", "matching"),
        (f"absent(node_load1) and {CPU} > 1", "matching"),
        ("node_load1 * on (instance) group_left (version) node_uname_info > 5", None),
        ("node_load1 * on (instance) group_left (nodname) node_uname_info > 5", "grouping"),
        ('node_load1{cluster="x"} > 5', "label"),
        ('node_load1{cluster!="x"} > 5', "label"),
        ('tocsin_backend_up{job="node"} == 0', "label"),
        ("node_load1 offset 2d > 5", "lookback"),
        ("max_over_time(rate(node_forks_total[5m])[25h:1m]) > 5", "lookback"),
        ("resets(node_load1[5m]) > 5", "gauge"),
        ("idelta(node_forks_total[5m]) > 5", "irate"),
        ('absent(up{job="node"})', "host-down"),
        ("min(up) by (instance) < 1", "host-down"),
        ("node_network_info == 1", "volatile"),
        ("histogram_quantile(99, shop_bucket) > 5", "quantile"),
        ("sum by (job) (node_load1) > 5", "fleet"),
        ("sum without (instance) (node_load1) > 5", "fleet"),
    ],
)
def test_bad_expressions(expr: str, check: str | None) -> None:
    if check is None:
        assert not {"matching", "grouping"} & set(names(expr))
    else:
        assert check in names(expr)


INFO = "labels: {severity: info}"


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("s", []),
        ("{{ $labels.device }} {{ $value }}% {{ humanizePercentage 0.5 }}", []),
        ("{{ $labels.severity }}", ["template-label"]),
        ("{{ .Labels.nope }}", ["template-label"]),
        ("{{ if .Labels.device }}{{ $labels.nope }}{{ end }}", ["template-label"]),
        ('{{ index $labels "nope" }}', ["template-label"]),
        ("{{ with $x := 1 }}{{ .Labels.nope }}{{ end }}", []),  # another dot
        ("{{ if gt $value 1.0 }}x{{ end }}", []),
        ("{{ if ($value | gt 1) }}x{{ end }}", ["template-type"]),
        ("{{ if eq (len $labels) 1 }}x{{ end }}", []),
        ('{{ $value | printf "%d" }}', ["template-type"]),
        ("{{ $value | humanize 2 }}", ["template-type"]),
        ("{{ humanize }}", ["template-type"]),
        ('{{ "x" | reReplaceAll "a" "b" }}', []),
        ('{{ reReplaceAll "a" "b" }}', ["template-type"]),
        ('{{ printf "%.1f" $value }}', []),
    ],
)
def test_texts(summary: str, expected: list[str]) -> None:
    summary = summary.replace('"', '\\"')
    texts = f'annotations: {{summary: "{summary}", runbook_url: r}}, {INFO}'
    assert names("node_network_mtu_bytes > 9000", texts) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (INFO, ["annotation"]),
        ("annotations: {summary: s, runbook_url: r}", ["severity"]),
        ('annotations: {summary: s, runbook_url: r}, labels: {severity: info, d: "{{ $labels.device }}"}', []),
        ('annotations: {summary: s, runbook_url: r}, labels: {severity: "{{ $labels.x }}"}', ["template-label"]),
        ('annotations: {summary: s, runbook_url: r}, labels: {severity: info, at: "{{ now }}"}', ["identity"]),
        ('annotations: {summary: s, runbook_url: r}, labels: {severity: info, v: "{{ .Value }}"}', ["identity"]),
        (
            "annotations: {summary: s, runbook_url: r},"
            ' labels: {severity: info, v: "{{ with $labels }}{{ .Value }}{{ end }}"}',
            [],  # a label of this name
        ),
    ],
)
def test_labels_and_annotations(texts: str, expected: list[str]) -> None:
    assert names("node_network_mtu_bytes > 9000", texts) == expected


@pytest.mark.parametrize(
    ("expr", "timing", "expected"),
    [
        ("node_procs_running < 1", "for: 5m", []),
        ("1 > node_procs_running", "for: 5m", []),
        ("1 < node_procs_running", "for: 5m", ["flap"]),
        ("node_load1 > 1", "for: 5m", ["flap"]),
        ("node_load1 > 5", "for: 5m, keep_firing_for: 1m", []),
        ("node_load1 > 5", "for: 5m", ["flap"]),
        ("node_load1 > 5", "keep_firing_for: 5m", []),
        ("node_load1 > 5", "for: 0s", ["hysteresis"]),
        ("avg_over_time(node_load1[10m]) > 5", "for: 5m", []),
        ("increase(node_forks_total[10m]) > 5", "for: 5m", []),
        ("rate(node_forks_total[10m]) > 0", "for: 5m", []),
        ("node_network_up == 0", "for: 5m", []),
        ("node_network_up < 1", "for: 5m", []),
        ("time() - node_boot_time_seconds > 5", "for: 5m", []),
        ("node_network_mtu_bytes > 9000", "for: 5m", []),
        ("absent(node_load1)", "for: 30s", []),
        ("absent(node_load1)", "for: 15s", ["absent"]),
        ("node_network_up == 0 and node_load1 > 5", "for: 5m", ["flap", "matching"]),
        ("(rate(node_forks_total[5m]) > 9) * on (instance) group_left (nodename) node_uname_info", "for: 5m", ["flap"]),
    ],
)
def test_steadiness(expr: str, timing: str, expected: list[str]) -> None:
    assert names(expr, f"annotations: {{summary: s, runbook_url: r}}, labels: {{severity: info}}, {timing}") == expected


def test_recorded_metrics_are_known_also_from_other_files() -> None:
    user = one("a:b > 1")
    assert [problem.check for problem in found(user)] == ["lint/metric"]
    recorded = "groups: [{name: g, rules: [{record: 'a:b', expr: 'sum by (instance) (node_load1)'}]}]"
    assert found(user, known=(rule_file(recorded, "other.yml"),)) == []


def test_labels_are_followed_through_recording_rules() -> None:
    text = (
        "groups:\n  - name: g\n    rules:\n"
        "      - {record: 'a:b', expr: 'sum by (instance, device) (node_network_mtu_bytes)', labels: {x: y}}\n"
        "      - {record: 'self:seen', expr: 'node_load1 > 5 or self:seen'}\n"
        "      - alert: A\n"
        "        expr: a:b > 9000 and on (instance) self:seen\n"
        "        labels: {severity: info}\n"
        "        annotations: {summary: '{{ $labels.x }} {{ $labels.device }} {{ $labels.job }}', runbook_url: r}\n"
    )
    assert [(p.line, p.check, p.message) for p in found(text)] == [
        (9, "lint/template-label", "A: 'summary' shows the label job, which the result of the expression does not have")
    ]


def test_a_copy_of_a_shipped_rule_is_found_beside_the_pack_and_not_without_it() -> None:
    text = (
        "groups:\n  - name: g\n    rules:\n      - alert: HostSwapFull\n        expr: node_load1 > 5\n"
        "        keep_firing_for: 5m\n        labels: {severity: warning, component: memory, category: system}\n"
        "        annotations: {summary: s, runbook_url: r}\n"
    )
    config = defaults().config
    assert config is not None
    subjects = [Subject(rule_file(text), text), *map(Subject, defaults().rules)]
    (problem, *_) = sorted(lint(subjects, config), key=lambda problem: problem.file != "r.yml")
    assert (problem.file, problem.line, problem.column, problem.check) == ("r.yml", 4, 9, "lint/duplicate")
    assert found(text, known=defaults().rules) == []  # a file checked alone: the packs need not be on


@pytest.mark.parametrize(
    "expr",
    [
        "node_load1" + " + node_load1" * 240 + " > 1",
        "node_load1 > 5" + " and node_load1 > 5" * 120,
        "node_load1 ^ " * 240 + "node_load1 > 1",
        "(" * 60 + "node_load1" + ")" * 60 + " > 1",
    ],
    ids=["chain", "sets", "powers", "parentheses"],
)
def test_the_longest_expressions_that_load_are_checked(expr: str) -> None:
    assert names(expr) == []


def test_the_rules_of_an_objective_are_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "tocsin.yaml"
    config.write_text(
        "catalogue: {services: [{name: shop}]}\n"
        "slo:\n"
        "  - {name: shop, service: shop, good: node_forks_total, total: node_context_switches_total}\n"
        "  - {name: up, service: shop, indicator: 'node_systemd_unit_state{state=\"activ\"}'}\n"
    )
    assert main(["check", "--config", str(config), "--format", "json"]) == 0
    problems = json.loads(capsys.readouterr().out)
    assert {(p["line"], p["check"], p["hint"]) for p in problems} == {(4, "lint/label", "did you mean 'active'?")}


def test_a_window_over_a_recorded_metric_counts_in_the_interval_of_its_group() -> None:
    text = (
        "groups:\n  - {name: slow, interval: 1m, rules: [{record: 'a:b', expr: node_load1}]}\n"
        "  - name: g\n    rules:\n      - {record: 'c:d', expr: 'avg_over_time(a:b[2m])'}\n"
        "      - {record: 'e:f', expr: 'avg_over_time(a:b[150s]) + a:b'}\n"
    )
    assert [(p.line, p.column, p.check, p.hint) for p in found(text)] == [
        (5, 49, "lint/window", "use at least [2m30s]")
    ]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("probe_success == 0", []),
        ('probe_success{job="blackbox", name="shop", site="x", module="http_2xx"} == 0', []),
        ("avg_over_time(probe_success[5m]) < 0.9", []),
        ("avg_over_time(probe_success[4m]) < 0.9", ["window"]),
        ("avg_over_time(probe_success[30d]) < 0.9", ["lookback"]),
        ('probe_success{job="node"} == 0', ["label"]),
        ('probe_success{sites="x"} == 0', ["label"]),
        ("probe_sucess == 0", ["metric"]),
        ("probe_success > 1", ["dead"]),
        ('up{job="blackbox"} == 0', []),
        ('up{collector="cpu"} == 0', []),
        ('up{job="other"} == 0', ["label"]),
        ('probe_expect_info{banner="x"} == 1', []),
        ("probe_success == 0 unless on (module) probe_http_ssl == 1", []),
        ("probe_success * on (instance, name) probe_http_status_code > 500", []),
        ('probe_success == 0 and on (collector) up{collector!=""} == 0', []),
    ],
)
def test_metrics_of_targets_have_their_own_labels_and_interval(expr: str, expected: list[str]) -> None:
    assert names(expr, config=probing()) == expected


def test_ticks_are_told_below_a_minute_only() -> None:
    assert names("sysUpTime < 300") == ["metric", "ticks"]
    assert names("sysUpTime < 0 or sysUpTime > 5 or sysUpTime < 30000 or sysUpTime / 100 < 300") == ["metric"]


def test_metrics_of_targets_are_unknown_without_targets() -> None:
    (problem,) = found(one("probe_success == 0"))
    assert problem.hint == "there are no targets that give it: list them under collect.probes"


def rules_of(*rules: str, head: str = "") -> str:
    return f"groups:\n  - name: g\n{head}    rules:\n" + "".join(f"      - {{{rule}}}\n" for rule in rules)


FULL = "annotations: {summary: s, runbook_url: r}, keep_firing_for: 5m"


def checks_of(text: str, config: Config | None = None) -> list[str]:
    return [problem.check.removeprefix("lint/") for problem in found(text, config)]


def test_what_has_lost_its_instance_is_told_once() -> None:
    assert checks_of(rules_of("record: 'a:b', expr: 'max(sum by (job) (node_load1))'")) == ["fleet"]


def test_grades_may_differ_in_time_alone() -> None:
    rule = f"alert: A, expr: node_load1 > 5, {FULL}"
    grades = [
        f"{rule}, labels: {{severity: {word}}}, for: {wait}" for word, wait in (("info", "5m"), ("warning", "1h"))
    ]
    assert checks_of(rules_of(*grades)) == []
    assert checks_of(rules_of(*(grade.replace("1h", "5m") for grade in grades))) == ["grades"]


def test_a_row_of_the_classification_may_grade_an_alert_instead_of_its_severity() -> None:
    rule = rules_of(f"alert: A, expr: node_load1 > 5, {FULL}")
    graded = configured("classification: {rules: [{matchers: ['alertname=\"A\"'], urgency: 1}]}")
    other = configured("classification: {rules: [{matchers: ['alertname=\"B\"'], urgency: 1}]}")
    assert (checks_of(rule), checks_of(rule, other), checks_of(rule, graded)) == (["severity"], ["severity"], [])


def test_any_metric_may_come_from_a_text_file() -> None:
    rule = one("shop_orders_waiting > 5")
    assert checks_of(rule) == ["metric"]
    assert checks_of(rule, configured("collect: {host: {textfile: {directories: [/var/lib/shop]}}}")) == []


@pytest.mark.parametrize(
    ("metric", "written", "hint"),
    [
        ("node_slabinfo_objects", "", "turn the collector on: write 'slabinfo: on' under collect.host"),
        (
            "node_load1",
            "collect: {host: {loadavg: off}}",
            "turn the collector on: remove 'loadavg: off' from collect.host",
        ),
        (
            "node_load1",
            "collect: {host: {others: off, cpu: on}}",
            "turn the collector on: write 'loadavg: on' under collect.host",
        ),
        ("node_slabinfo_objects", "collect: {host: {slabinfo: on}}", ""),
    ],
)
def test_a_metric_of_a_collector_that_is_off(metric: str, written: str, hint: str) -> None:
    problems = found(one(f"{metric} > 5"), configured(written) if written else None)
    assert [problem.hint for problem in problems if problem.check == "lint/metric"] == ([hint] if hint else [])


def test_a_rule_after_the_first_of_two_recordings_is_in_order() -> None:
    record = "record: 'a:b', expr: node_load1"
    later = record + ", labels: {x: y}"
    alert = f"alert: A, expr: 'a:b > 5', labels: {{severity: info}}, {FULL}"
    assert checks_of(rules_of(record, alert, later)) == []
    assert checks_of(rules_of(alert, record, later)) == ["order"]


def test_rules_of_a_slow_group_see_what_it_records() -> None:
    rules = ("record: 'a:b', expr: node_load1", f"alert: A, expr: 'a:b > 5', labels: {{severity: info}}, {FULL}")
    assert checks_of(rules_of(*rules, head="    interval: 1h\n")) == []


def test_a_format_for_a_share_may_have_its_own_percent_sign() -> None:
    share = "node_memory_SwapFree_bytes / node_memory_SwapTotal_bytes < 0.1"
    texts = "labels: {severity: info}, keep_firing_for: 5m, annotations: {runbook_url: r, summary: '%s'}"
    assert names(share, texts % "{{ $value }}%") == ["humanize"]
    assert names(share, texts % '{{ printf "%.2f" $value }}%') == []


@pytest.mark.parametrize(("recorded", "proven"), [("node_load1 > 5", True), ("node_load1 * 5", False)])
def test_an_alert_on_a_recorded_condition_is_over_when_the_condition_is(recorded: str, proven: bool) -> None:
    text = one("busy:node_load1").replace(
        "rules:\n", f"rules:\n      - {{record: 'busy:node_load1', expr: {recorded}}}\n"
    )
    assert ("lint/evidence" not in {problem.check for problem in found(text)}) == proven


def test_what_a_pack_misses_is_one_finding() -> None:
    off = configured("collect: {host: {others: off, cpu: on}}")
    text = one("node_load1 > 1") + one("node_cpu_seconds_total > 1").partition("rules:\n")[2]
    text += one("node_load5 > node_procs_running").partition("rules:\n")[2]
    text += one("smartmon_device_smart_healthy == 0").partition("rules:\n")[2]
    problems = [
        problem for problem in lint([Subject(rule_file(text, "pack:mine"), text)], off) if "metric" in problem.check
    ]
    assert [problem.line for problem in problems] == [4]
    assert "A: 3 rules of this pack cannot fire, for these collectors are off: loadavg, stat, textfile" in str(
        problems[0]
    )
    assert len(found(one("node_load5 > node_procs_running"), off)) == 2, "in a file of people each is one"


def test_what_a_pack_misses_without_targets_is_one_finding() -> None:
    text = one("node_load1 > 1") + one("sysUpTime / 100 < 900").partition("rules:\n")[2]
    text += one("ifOperStatus == 2 and ifAdminStatus == 1").partition("rules:\n")[2]
    text += one("increase(snmp_traps_total[10m]) > 5").partition("rules:\n")[2]

    def said(config: Config) -> list[tuple[int, str]]:
        problems = lint([Subject(rule_file(text, "pack:mine"), text)], config)
        return [(each.line, each.message) for each in problems if each.check == "lint/metric"]

    cannot = "A: %d rules of this pack cannot fire: there are no targets that give what they read"
    assert said(configured("collect: {interval: 15s}")) == [(5, cannot % 3)]
    traps = "collect: {snmp: {traps: {communities: [{credential: traps}]}}}"
    assert said(configured(traps)) == [(5, cannot % 2)], "notifications come without targets"
    assert len(found(one("ifOperStatus == 2 and ifAdminStatus == 1"))) == 2, "in a file of people each is one"


def test_names_of_the_usual_scripts_are_known_where_text_files_are_read() -> None:
    assert names("smartmon_device_smart_healthy == 0") == names("ipmi_fan_speed_state == 2") == []
    assert names("smartmom_device_smart_healthy == 0") == ["metric"]
    assert names("smartmon_device_smart_healthy == 0", config=configured("collect: {host: {textfile: off}}")) == [
        "metric"
    ]
