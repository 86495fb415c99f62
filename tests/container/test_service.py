"""The shipped unit under a real systemd 252: start, readiness, credential, watchdog, crash, reload, stop.

One machine for all tests, in the order of the file; each test leaves the service running.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.traps import v2c
from nspawn_machine import Machine, base_tree, can_make_namespaces, copy_tree, machine, run, wait_until, wheelhouse

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.server("debootstrap", "systemd-nspawn", "nsenter", "apt-get"),
]

UNIT = "tocsin.service"
TRAPS = "tocsin-traps.socket"
SEND = (
    "import socket, sys; socket.socket(type=socket.SOCK_DGRAM).sendto(bytes.fromhex(sys.argv[1]), ('127.0.0.1', 162))"
)
ASK = (
    "import sys, urllib.request as r; print(r.urlopen('http://127.0.0.1:9787' + sys.argv[1], None, 5).read().decode())"
)


def install(root: Path, tree: Path, *arguments: str | Path) -> str:
    """The real installer, on the tree, offline."""
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PYTHON": "/usr/bin/python3"}
    return run(root / "deploy/systemd/install", "--root", tree, *arguments, env=settings)


@pytest.fixture(scope="module")
def tree(root: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if not can_make_namespaces():
        pytest.skip("root may not make namespaces here; run this on a machine or in a privileged container")
    tree = tmp_path_factory.mktemp("container") / "tree"
    copy_tree(base_tree(), tree)
    copy_tree(wheelhouse(root / "pyproject.toml"), tree / "wheels")
    install(root, tree, wheel)
    yield tree
    run("rm", "-rf", "--one-file-system", tree)  # some 400 MB, which pytest would keep


@pytest.fixture(scope="module")
def host(tree: Path) -> Iterator[Machine]:
    secret = tree / "etc/tocsin/credentials/canary"
    secret.write_text("bird\n")
    secret.chmod(0o600)
    short = tree / "etc/systemd/system/tocsin.service.d/short-watchdog.conf"
    short.parent.mkdir(parents=True)
    short.write_text("[Service]\nWatchdogSec=4s\n")
    run("chroot", tree, "systemctl", "enable", UNIT)
    with machine(tree) as booted:
        yield booted


def ask(host: Machine, path: str) -> str:
    """What the agent's listener answers, asked from inside."""
    return host.run("/opt/tocsin/bin/python", "-I", "-c", ASK, path)


def fields_of(host: Machine) -> dict[str, str]:
    """The agent's /proc/PID/status."""
    status = host.run("cat", f"/proc/{main_pid(host)}/status")
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


def main_pid(host: Machine) -> int:
    return int(host.show(UNIT, "MainPID"))


def restarted(host: Machine, old: int, seconds: float) -> float:
    """Seconds until the unit is ready again with another main process."""
    begin = time.monotonic()
    wait_until("restart", lambda: "yes" if host.active(UNIT) and main_pid(host) not in (0, old) else "", seconds)
    return time.monotonic() - begin


def test_it_starts_and_says_that_it_is_ready(host: Machine) -> None:
    wait_until("ready", lambda: "yes" if host.active(UNIT) else "", 20)
    # systemd reaches `active` for Type=notify only on READY=1; the status text shows that it came from the agent.
    assert host.show(UNIT, "Type") == "notify"
    assert host.show(UNIT, "StatusText") != ""
    assert host.show(UNIT, "NRestarts") == "0"


def test_it_listens_on_the_socket_systemd_passed(host: Machine) -> None:
    assert host.active("tocsin.socket")
    assert ask(host, "/-/ready") != ""


def test_every_collector_works_inside_the_sandbox(host: Machine) -> None:
    lines = ask(host, "/metrics").splitlines()
    success = [line for line in lines if line.startswith("node_scrape_collector_success{")]
    assert len(success) >= 13
    assert [line for line in success if not line.endswith(" 1.0") and not line.endswith(" 1")] == []
    # Over the system bus, from /proc of all users, and from the mounts of the host:
    assert any(line.startswith("node_systemd_unit_state{") and 'name="dbus.service"' in line for line in lines)
    processes = next(float(line.split()[-1]) for line in lines if line.startswith("node_processes_pids"))
    assert processes == pytest.approx(len(host.run("sh", "-c", "echo /proc/[0-9]*").split()), abs=5)
    mounts = {line.split('mountpoint="')[1].split('"')[0] for line in lines if line.startswith("node_filesystem_size")}
    assert "/" in mounts
    assert not any("/run/systemd/unit-root" in mount or "/run/credentials" in mount for mount in mounts)


def test_it_runs_as_its_own_user_without_any_right(host: Machine) -> None:
    fields = fields_of(host)
    uid = host.run("id", "-u", "tocsin").strip()
    assert fields["Uid"].split() == [uid] * 4
    assert {fields[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"


def test_a_credential_arrives(host: Machine) -> None:
    path = f"/proc/{main_pid(host)}/root/run/credentials/{UNIT}/tocsin_canary"
    assert host.run("cat", path) == "bird\n"
    with pytest.raises(AssertionError, match="Permission denied"):
        host.run("setpriv", "--reuid=nobody", "--clear-groups", "cat", "/etc/tocsin/credentials/canary")


def test_it_sees_the_mounts_of_the_host_and_not_those_of_its_sandbox(host: Machine) -> None:
    pid = main_pid(host)
    # /home is not hidden behind an empty directory, whose size would be taken for the size of /home.
    real = host.run("stat", "--file-system", "--format=%i %b", "/home").strip()
    inside = host.run("nsenter", "-t", str(pid), "-m", "stat", "--file-system", "--format=%i %b", "/home").strip()
    assert inside == real
    mine = host.run("setpriv", "--reuid=tocsin", "--clear-groups", "cat", "/proc/1/mountinfo")
    assert mine == host.run("cat", "/proc/1/mountinfo")


def test_reload_keeps_the_process(host: Machine) -> None:
    before = main_pid(host)
    host.run("systemctl", "reload", UNIT)
    wait_until("reloaded", lambda: "yes" if host.active(UNIT) else "", 10)
    assert main_pid(host) == before


def test_a_hung_agent_is_restarted_by_the_watchdog(host: Machine) -> None:
    before = main_pid(host)
    host.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT)
    took = restarted(host, before, 20)
    assert took >= 1, "it was restarted, but not because the watchdog ran out"
    assert "Watchdog timeout" in host.journal(UNIT)


def test_a_killed_agent_is_back_within_three_seconds(host: Machine) -> None:
    best = 60.0
    for _ in range(3):  # other work on this machine may delay one of them
        before = main_pid(host)
        host.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
        best = min(best, restarted(host, before, 20))
        if best <= 3:
            break
    assert best <= 3


def test_the_drop_ins_add_their_rights_and_it_still_runs(host: Machine) -> None:
    folder = host.tree / "etc/systemd/system/tocsin.service.d"
    names = (
        "process-details.conf", "closed-directories.conf", "memory-limit.conf", "kernel-log.conf", "journal.conf",
    )  # fmt: skip
    for name in names:
        shutil.copy(host.tree / "opt/tocsin/share/tocsin/drop-ins" / name, folder)
    try:
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "restart", UNIT)
        status = host.run("cat", f"/proc/{main_pid(host)}/status")
        sys_ptrace, dac_read_search, syslog = 1 << 19, 1 << 2, 1 << 34  # capability.h
        assert f"CapEff:\t{sys_ptrace | dac_read_search | syslog:016x}\n" in status
        group = host.run("getent", "group", "systemd-journal").split(":")[2]
        assert group in status.partition("Groups:")[2].partition("\n")[0].split()
    finally:
        for name in names:
            (folder / name).unlink(missing_ok=True)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "restart", UNIT)


def test_the_kernels_log_is_read_with_its_drop_in(host: Machine) -> None:
    config = host.tree / "etc/tocsin/tocsin.yaml"
    good = config.read_text()
    folder = host.tree / "etc/systemd/system/tocsin.service.d"

    def value(name: str, label: str = "") -> str:
        lines = ask(host, "/metrics").splitlines()
        return next((line.rpartition(" ")[2] for line in lines if line.startswith(f"{name}{{") and label in line), "")

    try:
        config.write_text("collect: {interval: 2s, deadline: 2s, host: {kmsg: on}}\n")
        host.run("systemctl", "restart", UNIT)
        wait_until("the collector says no", lambda: value("node_scrape_collector_success", 'collector="kmsg"'), 20)
        assert value("node_kmsg_events_total") == "", "without the drop-in there is no device"
        shutil.copy(host.tree / "opt/tocsin/share/tocsin/drop-ins/kernel-log.conf", folder)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "restart", UNIT)
        crashes = wait_until("the log is read", lambda: value("node_kmsg_events_total", 'kind="segfault"'), 20)
        assert crashes == "0.0", "what was there before is not counted"
        host.run("sh", "-c", "/usr/bin/python3 -c 'import ctypes; ctypes.string_at(0)' || true")
        wait_until("the crash is counted", lambda: value("node_kmsg_events_total", 'kind="segfault"').strip("0."), 20)
        lines = ask(host, "/metrics").splitlines()
        taints = [line for line in lines if line.startswith("node_kernel_tainted{") and line.endswith(" 1.0")]
        told = sum(1 << int(line.split('bit="')[1].split('"')[0]) for line in taints)
        assert told == int(Path("/proc/sys/kernel/tainted").read_text())
    finally:
        config.write_text(good)
        (folder / "kernel-log.conf").unlink(missing_ok=True)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "restart", UNIT)


def test_stop_is_clean_and_lasting(host: Machine) -> None:
    begin = time.monotonic()
    host.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begin <= 10
    assert host.show(UNIT, "ExecMainStatus") == "0"
    assert host.show(UNIT, "ExecMainCode") == "1"  # CLD_EXITED: it ended by itself, no signal ended it
    assert host.show(UNIT, "Result") == "success"
    # Asking the listener must not bring it back.
    with pytest.raises(AssertionError, match="Connection refused"):
        ask(host, "/-/ready")
    assert not host.active(UNIT)
    host.run("systemctl", "start", UNIT)


def test_a_wrong_configuration_is_not_retried_for_ever(host: Machine) -> None:
    config = host.tree / "etc/tocsin/tocsin.yaml"
    good = config.read_text()
    host.run("systemctl", "stop", UNIT)
    try:
        config.write_text("nonsense: [\n")
        # A last-good copy would be used instead; this is the first start of a machine that never had one.
        run("find", host.tree / "var/lib/tocsin", "-mindepth", "1", "-delete")
        with pytest.raises(AssertionError):
            host.run("systemctl", "start", UNIT)
        assert host.show(UNIT, "ExecMainStatus") == "78"
        time.sleep(2.5)
        assert host.show(UNIT, "ActiveState") == "failed"
    finally:
        config.write_text(good)
        host.run("systemctl", "reset-failed", UNIT)
        host.run("systemctl", "start", UNIT)


def test_traps_come_in_on_port_162_without_a_right_to_it(host: Machine) -> None:
    config = host.tree / "etc/tocsin/tocsin.yaml"
    good = config.read_text()
    secret = host.tree / "etc/tocsin/credentials/snmp-trap"
    secret.write_text("public\n")
    secret.chmod(0o600)
    try:
        config.write_text("collect: {snmp: {traps: {listen: systemd, communities: [{credential: snmp-trap}]}}}\n")
        host.run("systemctl", "enable", "--quiet", TRAPS)
        host.run("systemctl", "restart", UNIT)
        assert host.active(TRAPS)

        def taken() -> str:
            host.run("/opt/tocsin/bin/python", "-I", "-c", SEND, v2c().hex())
            lines = ask(host, "/metrics").splitlines()
            return next((line for line in lines if line.startswith("snmp_traps_total{") and "linkDown" in line), "")

        line = wait_until("a trap is taken", taken, 40)
        assert 'instance="127.0.0.1"' in line
        assert fields_of(host)["CapEff"] == "0" * 16
    finally:
        config.write_text(good)
        secret.unlink()
        host.run("systemctl", "disable", "--quiet", "--now", TRAPS)
        host.run("systemctl", "restart", UNIT)


def test_the_installer_changes_nothing_the_second_time(root: Path, wheel: Path, host: Machine) -> None:
    config = host.tree / "etc/tocsin/tocsin.yaml"
    config.write_text(config.read_text() + "# mine\n")
    unit = host.tree / "usr/local/lib/systemd/system/tocsin.service"
    before = unit.stat().st_mtime_ns
    install(root, host.tree, wheel)
    assert config.read_text().endswith("# mine\n")
    assert unit.stat().st_mtime_ns == before


def test_uninstall_leaves_only_what_is_the_users(root: Path, host: Machine) -> None:
    host.run("systemctl", "stop", UNIT)
    install(root, host.tree, "--uninstall")
    left = run("find", host.tree / "opt", host.tree / "usr/local", host.tree / "etc/systemd", "-name", "*tocsin*")
    assert left.split() == [str(host.tree / "etc/systemd/system/tocsin.service.d")]  # the drop-in of this test
    assert (host.tree / "etc/tocsin/tocsin.yaml").exists()
    assert (host.tree / "var/lib/tocsin").is_dir()


def test_on_the_running_system_it_installs_upgrades_and_goes(root: Path, wheel: Path, host: Machine) -> None:
    """The same without ``--root``, from inside; the machine has no agent when this begins."""
    shutil.copytree(root / "deploy", host.tree / "media/deploy")
    shutil.copy(wheel, host.tree / "media")
    installer = "/media/deploy/systemd/install"
    here = ("env", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels", installer)
    host.run(*here, f"/media/{wheel.name}", timeout=300)
    host.run("systemctl", "enable", "--now", UNIT)
    before = main_pid(host)
    host.run(*here, f"/media/{wheel.name}", timeout=300)
    assert host.active(UNIT)
    assert main_pid(host) not in (0, before), "an upgrade restarts the running service"
    host.run(installer, "--uninstall")
    assert host.show(UNIT, "LoadState") == "not-found"
    assert not (host.tree / "opt/tocsin").exists()
