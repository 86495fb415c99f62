"""Processes: totals, groups, and the ways a process can slip away while it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from golden_host import STAT, GoldenHost, gather, plant, table

from collectors import processes
from collectors.api import CollectorError, Sample, Tree
from collectors.processes import Group, Options


def stat(
    pid: int, comm: str, state: str = "S", *, user: int = 0, system: int = 0, start: int = 1000, rss: int = 10
) -> str:
    return f"{pid} ({comm}) {state} 1 1 1 0 -1 0 0 0 0 0 {user} {system} 0 0 20 0 2 0 {start} 8192 {rss} 1 1 1\n"


def host_with(tmp_path: Path, *pids: tuple[int, str], **others: str) -> GoldenHost:
    """A host with these processes; process 1 is there too, as everywhere."""
    tree = {f"proc/{pid}/stat": text for pid, text in ((1, stat(1, "init")), *pids)}
    return plant(
        tmp_path, {"proc/stat": STAT, **tree, **{key.replace("__", "/"): value for key, value in others.items()}}
    )


def make(host: GoldenHost, *groups: Group) -> processes.Processes:
    return processes.build(Options(groups=groups), host)


def test_totals(tmp_path: Path) -> None:
    host = host_with(
        tmp_path, (1, stat(1, "init")), (2, stat(2, "kworker/0:1", "I")), (3, stat(3, "bad) R (name", "D")),
        proc__sys__kernel__pid_max="32768\n",
    )  # fmt: skip
    assert table(gather(make(host))) == {
        "node_processes_pids": 3,
        "node_processes_threads": 6,
        "node_processes_max_processes": 32768,
        'node_processes_state{state="S"}': 1,
        'node_processes_state{state="I"}': 1,
        'node_processes_state{state="D"}': 1,
    }


def test_a_group_by_program_name(tmp_path: Path) -> None:
    host = host_with(
        tmp_path,
        (10, stat(10, "nginx", user=100, system=50, start=500, rss=3)),
        (11, stat(11, "nginx", "R", user=200, system=50, start=2000, rss=4)),
        (12, stat(12, "other")),
    )
    plant(tmp_path, {
        "proc/10/status": "Name:\tnginx\nVmSwap:\t      12 kB\n",
        "proc/10/fd/0": "", "proc/10/fd/1": "",
        "proc/10/limits": "Limit   Soft Limit  Hard Limit  Units\nMax open files    8     4096    files\n",
        "proc/11/fd/0": "",
        "proc/11/limits": "Max open files            unlimited                4096      files\n",
    })  # fmt: skip
    got = table(gather(make(host, Group(name="web", comm=("nginx",)))))
    mine = {key.removeprefix("namedprocess_namegroup_"): value for key, value in got.items() if "namegroup" in key}
    assert mine == {
        'num_procs{groupname="web"}': 2,
        'memory_bytes{groupname="web",memtype="resident"}': 7 * host.page_size,
        'memory_bytes{groupname="web",memtype="virtual"}': 2 * 8192,
        'memory_bytes{groupname="web",memtype="swapped"}': 12 * 1024,
        'cpu_seconds_total{groupname="web",mode="user"}': 3.0,
        'cpu_seconds_total{groupname="web",mode="system"}': 1.0,
        'num_threads{groupname="web"}': 4,
        'oldest_start_time_seconds{groupname="web"}': 1418183276 + 5,
        'open_filedesc{groupname="web"}': 3,
        'worst_fd_ratio{groupname="web"}': 0.25,
        'states{groupname="web",state="Running"}': 1,
        'states{groupname="web",state="Sleeping"}': 1,
        'states{groupname="web",state="Waiting"}': 0,
        'states{groupname="web",state="Zombie"}': 0,
        'states{groupname="web",state="Other"}': 0,
    }


def test_open_files_are_absent_when_one_member_may_not_be_seen(tmp_path: Path) -> None:
    class Guarded(Tree):
        def list(self, path: str = "") -> list[str] | None:
            if path == "11/fd":
                raise CollectorError("Permission denied")
            return super().list(path)

    host = host_with(tmp_path, (10, stat(10, "nginx")), (11, stat(11, "nginx")))
    plant(tmp_path, {"proc/10/fd/0": "", "proc/10/limits": "Max open files    8     4096    files\n"})
    host.proc = Guarded(str(tmp_path / "proc"))
    got = table(gather(make(host, Group(name="web", comm=("nginx",)))))
    assert got['namedprocess_namegroup_num_procs{groupname="web"}'] == 2
    assert not any("open_filedesc" in key or "fd_ratio" in key for key in got)


def test_a_group_nobody_is_in_says_so_and_nothing_else(tmp_path: Path) -> None:
    host = host_with(tmp_path, (1, stat(1, "init")))
    collector = make(host, Group(name="web", comm=("nginx",)))
    assert [key for key in table(gather(collector)) if "namegroup" in key] == [
        'namedprocess_namegroup_num_procs{groupname="web"}'
    ]
    assert table(gather(collector))['namedprocess_namegroup_num_procs{groupname="web"}'] == 0


def test_a_killed_process_is_gone_in_the_next_cycle(tmp_path: Path) -> None:
    host = host_with(tmp_path, (7, stat(7, "nginx")))
    collector = make(host, Group(name="web", comm=("nginx",)))
    key = 'namedprocess_namegroup_num_procs{groupname="web"}'
    assert table(gather(collector))[key] == 1
    plant(tmp_path, {"proc/7/stat": stat(7, "nginx", "Z")})
    got = table(gather(collector))
    assert got[key] == 0
    assert got['namedprocess_namegroup_states{groupname="web",state="Zombie"}'] == 1
    shutil.rmtree(tmp_path / "proc/7")
    got = table(gather(collector))
    assert got[key] == 0
    assert 'namedprocess_namegroup_states{groupname="web",state="Zombie"}' not in got


def test_names_are_cut_as_the_kernel_cuts_them(tmp_path: Path) -> None:
    host = host_with(tmp_path, (7, stat(7, "prometheus-node")))
    got = table(gather(make(host, Group(name="ne", comm=("prometheus-node-exporter",)))))
    assert got['namedprocess_namegroup_num_procs{groupname="ne"}'] == 1


def test_command_lines_are_read_once_and_the_first_group_wins(tmp_path: Path) -> None:
    host = host_with(tmp_path, (7, stat(7, "java")), (8, stat(8, "sshd")))
    plant(tmp_path, {"proc/7/cmdline": "java\0-jar\0shop.jar\0", "proc/8/cmdline": "sshd: shop.jar\0"})
    groups = (Group(name="ssh", comm=("sshd",)), Group(name="shop", cmdline=r"-jar shop\.jar$|shop"))
    collector = make(host, *groups)
    for _ in range(2):
        got = table(gather(collector))
        assert got['namedprocess_namegroup_num_procs{groupname="ssh"}'] == 1
        assert got['namedprocess_namegroup_num_procs{groupname="shop"}'] == 1
        (tmp_path / "proc/7/cmdline").unlink(missing_ok=True)


def test_without_such_a_group_no_command_line_is_read(tmp_path: Path) -> None:
    host = host_with(tmp_path, (7, stat(7, "java")))
    (tmp_path / "proc/7/cmdline").mkdir()
    collector = make(host, Group(name="ssh", comm=("sshd",)))
    collector._cmdline = None  # type: ignore[assignment, method-assign]  # a call would raise
    assert gather(collector)


def test_a_long_command_line_is_cut_not_refused(tmp_path: Path) -> None:
    host = host_with(tmp_path, (7, stat(7, "java")))
    plant(tmp_path, {"proc/7/cmdline": "java\0" + "x" * 5_000_000})
    got = table(gather(make(host, Group(name="j", cmdline="^java x"))))
    assert got['namedprocess_namegroup_num_procs{groupname="j"}'] == 1


def test_cpu_of_a_group_never_falls(tmp_path: Path) -> None:
    host = host_with(tmp_path, (7, stat(7, "w", user=1000)), (8, stat(8, "w", user=500)), (9, stat(9, "sh", user=700)))
    collector = make(host, Group(name="w", comm=("w",)))
    key = 'namedprocess_namegroup_cpu_seconds_total{groupname="w",mode="user"}'
    assert table(gather(collector))[key] == 15.0
    shutil.rmtree(tmp_path / "proc/8")
    plant(tmp_path, {"proc/7/stat": stat(7, "w", user=1100)})
    assert table(gather(collector))[key] == 16.0
    plant(tmp_path, {"proc/8/stat": stat(8, "w", user=200, start=5000)})  # a new process under the old number
    assert table(gather(collector))[key] == 18.0
    plant(tmp_path, {"proc/9/stat": stat(9, "w", user=800)})  # was there before, joins now: counts from now
    assert table(gather(collector))[key] == 18.0
    plant(tmp_path, {"proc/9/stat": stat(9, "w", user=850)})
    assert table(gather(collector))[key] == 18.5


def test_a_process_that_vanishes_while_it_is_read(tmp_path: Path) -> None:
    host = host_with(tmp_path, (7, stat(7, "w")))
    (tmp_path / "proc/8").mkdir()  # listed, but its stat has gone
    (tmp_path / "proc/9/stat").mkdir(parents=True)  # listed, but it cannot be read
    assert table(gather(make(host, Group(name="w", comm=("w",)))))["node_processes_pids"] == 2


@pytest.mark.parametrize("way", ["invisible", "noaccess"])
def test_where_process_1_cannot_be_seen_nothing_is_counted(tmp_path: Path, way: str) -> None:
    host = host_with(tmp_path, (7, stat(7, "w")), proc__sys__kernel__pid_max="32768\n")
    collector = make(host, Group(name="w", comm=("w",)))
    assert table(gather(collector))["node_processes_pids"] == 2
    init = tmp_path / "proc/1"
    shutil.rmtree(init)
    if way == "noaccess":
        (init / "stat").mkdir(parents=True)  # listed, but it cannot be read
    given: list[Sample] = []
    with pytest.raises(CollectorError, match=r"/proc hides the processes of other users, so none can be counted: take"):
        given.extend(collector.collect())
    assert table(given) == {"node_processes_max_processes": 32768}
    host_with(tmp_path / "again")
    shutil.rmtree(init, ignore_errors=True)
    shutil.copytree(tmp_path / "again/proc/1", init)
    assert table(gather(collector))["node_processes_pids"] == 2


def test_many_processes_are_read_in_turns_but_members_and_newcomers_at_once(tmp_path: Path) -> None:
    count = processes.TURN * 3
    host = host_with(tmp_path, *((pid, stat(pid, "x")) for pid in range(10, 10 + count)), (5, stat(5, "w")))
    collector = make(host, Group(name="w", comm=("w",)))
    gather(collector)
    reads: list[str] = []
    real = collector._read
    collector._read = lambda pid: (reads.append(pid), real(pid))[1]  # type: ignore[method-assign]  # counted
    plant(tmp_path, {"proc/9999/stat": stat(9999, "w", start=2000)})
    seen: set[str] = set()
    for cycle in range(4):
        reads.clear()
        got = table(gather(collector))
        assert got["node_processes_pids"] == count + 3
        assert got['namedprocess_namegroup_num_procs{groupname="w"}'] == 2
        assert len(reads) == processes.TURN + 2
        seen |= set(reads)
        if cycle == 3:
            assert len(seen) == count + 3


@pytest.mark.parametrize("text", ["", "no process\n", "1 (x) S 1\n"])
def test_a_stat_file_that_is_none(text: str) -> None:
    with pytest.raises(processes.CollectorError, match="is not as in proc"):
        processes.parse(text)


def test_a_proc_without_any_process_is_an_error_and_no_count_of_zero(tmp_path: Path) -> None:
    with pytest.raises(CollectorError, match=r"lists no process \(is the file system mounted"):
        gather(processes.build(Options(), plant(tmp_path, {"proc/stat": STAT})))
