"""Sessions, control groups and containers, over files as the kernel and the service manager write them."""

from __future__ import annotations

from pathlib import Path

from golden_host import gather, notices, plant, table
from golden_services import CGROUP, DOCKER, ONE, SESSIONS, TWO, UTMP, record
from golden_services import CGROUPS as GOLDEN

from collectors import cgroups, containers, logind, users


def test_sessions_by_kind_and_0_once_they_ended(tmp_path: Path) -> None:
    collector = logind.build(logind.Options(), plant(tmp_path, SESSIONS))
    expected = {
        'node_logind_sessions{class="user",remote="false",seat="seat0",type="tty"}': 1,
        'node_logind_sessions{class="user",remote="true",type="tty"}': 2,
        'node_logind_sessions{class="greeter",remote="false",seat="seat0",type="wayland"}': 1,
    }
    assert table(gather(collector)) == expected
    for name in ("7", "9"):
        (tmp_path / "run/systemd/sessions" / name).unlink()
    expected['node_logind_sessions{class="user",remote="true",type="tty"}'] = 0
    assert table(gather(collector)) == expected


def test_users_are_counted_from_utmp_while_their_process_lives(tmp_path: Path) -> None:
    tree = {f"proc/{pid}/stat": "" for pid in (1, 11, 12, 14, 15)}
    host = plant(tmp_path, {**tree, **SESSIONS, "run/utmp": UTMP + record(7, 15, "cut")[:300]})
    expected = {"node_users_sessions": 3, "node_users_logged_in": 2}
    assert table(gather(users.build(users.Options(), host))) == expected


def test_where_proc_hides_processes_every_record_counts(tmp_path: Path) -> None:
    host = plant(tmp_path, {"proc/12/stat": "", "run/utmp": UTMP})
    assert table(gather(users.build(users.Options(), host))) == {"node_users_sessions": 4, "node_users_logged_in": 3}


def test_where_there_is_no_utmp_logind_knows_the_users(tmp_path: Path) -> None:
    collector = users.build(users.Options(), plant(tmp_path, SESSIONS))
    assert table(gather(collector)) == {"node_users_sessions": 2, "node_users_logged_in": 1}


def test_cgroups_by_controller(tmp_path: Path) -> None:
    text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\nmemory\t4\t22\t0\n"
    assert table(gather(cgroups.build(cgroups.Options(), plant(tmp_path, {"proc/cgroups": text})))) == {
        'node_cgroups_cgroups{subsys_name="cpuset"}': 1,
        'node_cgroups_enabled{subsys_name="cpuset"}': 1,
        'node_cgroups_cgroups{subsys_name="memory"}': 22,
        'node_cgroups_enabled{subsys_name="memory"}': 0,
    }


NAMED = {
    f"var/lib/docker/containers/{ONE}/config.v2.json": '{"Name":"/web","Image":"sha256:1","Config":{"Image":"nginx:1"}}'
}


def test_a_docker_container_of_version_2(tmp_path: Path) -> None:
    who = f'id="/{DOCKER}",image="nginx:1",name="web"'
    disk = f'device="/dev/sda",{who}'
    assert table(gather(containers.build(containers.Options(), plant(tmp_path, GOLDEN | NAMED)))) == {
        'container_memory_usage_bytes{id="/system.slice"}': 900,
        f"container_cpu_usage_seconds_total{{{who}}}": 2.5,
        f"container_cpu_user_seconds_total{{{who}}}": 2,
        f"container_cpu_system_seconds_total{{{who}}}": 0.5,
        f"container_cpu_cfs_periods_total{{{who}}}": 10,
        f"container_cpu_cfs_throttled_periods_total{{{who}}}": 4,
        f"container_cpu_cfs_throttled_seconds_total{{{who}}}": 1.5,
        f"container_spec_cpu_quota{{{who}}}": 50000,
        f"container_spec_cpu_period{{{who}}}": 100000,
        f"container_memory_usage_bytes{{{who}}}": 104857600,
        f"container_memory_working_set_bytes{{{who}}}": 100000000,
        f"container_memory_rss{{{who}}}": 50000000,
        f"container_memory_cache{{{who}}}": 40000000,
        f"container_spec_memory_limit_bytes{{{who}}}": 209715200,
        f"container_oom_events_total{{{who}}}": 1,
        f"container_threads{{{who}}}": 7,
        f"container_threads_max{{{who}}}": 0,
        f"container_fs_reads_bytes_total{{{disk}}}": 4096,
        f"container_fs_writes_bytes_total{{{disk}}}": 8192,
        f"container_fs_reads_total{{{disk}}}": 1,
        f"container_fs_writes_total{{{disk}}}": 2,
    }


V1 = {
    f"memory/docker/{TWO}/memory.usage_in_bytes": "5000\n",
    f"memory/docker/{TWO}/memory.stat": "cache 1\nrss 2\ntotal_cache 700\ntotal_rss 4000\ntotal_inactive_file 600\n",
    f"memory/docker/{TWO}/memory.limit_in_bytes": "9223372036854771712\n",
    f"memory/docker/{TWO}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    f"cpuacct/docker/{TWO}/cpuacct.usage": "1500000000\n",
    f"cpuacct/docker/{TWO}/cpuacct.stat": "user 120\nsystem 30\n",
    f"cpu/docker/{TWO}/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
    f"cpu/docker/{TWO}/cpu.cfs_quota_us": "-1\n",
    f"cpu/docker/{TWO}/cpu.cfs_period_us": "100000\n",
    f"pids/docker/{TWO}/pids.current": "3\n",
    f"pids/docker/{TWO}/pids.max": "100\n",
    f"blkio/docker/{TWO}/blkio.throttle.io_service_bytes_recursive": "7:1 Read 10\n7:1 Write 20\n"
    "7:1 Total 30\nTotal 30\n",
}


def test_a_docker_container_of_version_1(tmp_path: Path) -> None:
    tree = {CGROUP + path: text for path, text in V1.items()}
    who = f'id="/docker/{TWO}",name="abababababab"'
    disk = f'device="7:1",{who}'
    assert table(gather(containers.build(containers.Options(), plant(tmp_path, tree)))) == {
        f"container_cpu_usage_seconds_total{{{who}}}": 1.5,
        f"container_cpu_user_seconds_total{{{who}}}": 1.2,
        f"container_cpu_system_seconds_total{{{who}}}": 0.3,
        f"container_memory_usage_bytes{{{who}}}": 5000,
        f"container_memory_working_set_bytes{{{who}}}": 4400,
        f"container_memory_rss{{{who}}}": 4000,
        f"container_memory_cache{{{who}}}": 700,
        f"container_spec_memory_limit_bytes{{{who}}}": 0,
        f"container_oom_events_total{{{who}}}": 3,
        f"container_threads{{{who}}}": 3,
        f"container_threads_max{{{who}}}": 100,
        f"container_fs_reads_bytes_total{{{disk}}}": 10,
        f"container_fs_writes_bytes_total{{{disk}}}": 20,
    }


POD = "0a1b2c3d-0000-1111-2222-333344445555"
PLACES = {
    f"docker/{ONE}": "1f" * 6,
    f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice/"
    f"cri-containerd-{ONE}.scope": "1f" * 6,
    f"kubepods/besteffort/pod{POD}/{ONE}": "1f" * 6,
    f"machine.slice/libpod-{ONE}.scope": "1f" * 6,
    f"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{TWO}.scope": "ab" * 6,
    "lxc.payload.mail": "mail",
    "machine.slice/systemd-nspawn@build.service": "build",
    r"machine.slice/machine-qemu\x2d1.scope": "qemu-1",
}


def test_containers_are_found_where_runtimes_put_them(tmp_path: Path) -> None:
    tree = {f"{CGROUP}{path}/pids.current": "1\n" for path in (*PLACES, "system.slice/docker.service", "init.scope")}
    tree |= {f"{CGROUP}cgroup.controllers": "", f"{CGROUP}cgroup.procs": "1\n"}
    seen = table(gather(containers.build(containers.Options(), plant(tmp_path, tree))))
    expected = {f'container_threads{{id="/{path}",name="{name}"}}': 1.0 for path, name in PLACES.items()}
    assert seen == expected


def test_containers_that_go_take_their_names_along_and_filters_hold(tmp_path: Path) -> None:
    host = plant(tmp_path, GOLDEN | NAMED)
    collector = containers.build(containers.Options(container_exclude="^web$"), host)
    assert set(table(gather(collector))) == {'container_memory_usage_bytes{id="/system.slice"}'}
    collector = containers.build(containers.Options(), host)
    gather(collector)
    assert collector._devices
    for file in (tmp_path / CGROUP / DOCKER).iterdir():
        file.unlink()
    (tmp_path / CGROUP / DOCKER).rmdir()
    assert set(table(gather(collector))) == {'container_memory_usage_bytes{id="/system.slice"}'}
    assert not collector._devices
    assert len(collector._names) == 1


def test_too_many_containers_are_said(tmp_path: Path, monkeypatch: object) -> None:
    tree = {f"{CGROUP}docker/{number:064x}/pids.current": "1\n" for number in range(502)}
    items = gather(containers.build(containers.Options(), plant(tmp_path, {**tree, f"{CGROUP}cgroup.controllers": ""})))
    assert notices(items) == ["there are more than 500 containers; 3 left out"]
    assert len(table(items)) == 499
