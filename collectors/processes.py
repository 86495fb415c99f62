"""Processes of the whole host, and of groups that the configuration names (proc(5), /proc/PID/stat).

``node_processes_*`` has node_exporter's names, ``namedprocess_namegroup_*`` process-exporter's. A configured group
nobody belongs to has ``num_procs`` 0 and nothing else, so that a rule can see that a program is gone. A zombie runs
nothing: it counts in ``states`` but not in ``num_procs``.

Processes come and go while they are read: one that has gone, or that may not be read, is left out. Where /proc hides
those of other users (hidepid), a count would be a small and wrong number: there is an error and no count.

On a host with many
processes those in no group are read in turn, ``TURN`` each cycle, so that their states are up to a few cycles old.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from collectors._filter import compile_pattern
from collectors._host import HostFS
from collectors._labels import NONE, OneLabel
from collectors._model import CollectorError, Labels, Sample, counter, gauge, labels

_INIT = "1"
"""In every PID namespace there is a process 1: where it cannot be seen, others cannot either (proc(5), hidepid)."""
TURN = 400
USER_HZ = 100.0
CMDLINE_LIMIT = 16384
COMM_LIMIT = 15
"""Characters of a program's name the kernel keeps (TASK_COMM_LEN - 1)."""
STATES = {"R": "Running", "S": "Sleeping", "D": "Waiting", "Z": "Zombie"}

_GROUP = "groupname"
METRICS = (
    gauge("node_processes_pids", "Number of processes."),
    gauge("node_processes_threads", "Number of threads in the system."),
    gauge("node_processes_max_processes", "Limit of process ids."),
    gauge("node_processes_max_threads", "Limit of threads in the system."),
    gauge("node_processes_state", "Number of processes in each state.", "state"),
    gauge("namedprocess_namegroup_num_procs", "Number of living processes in this group.", _GROUP),
    gauge("namedprocess_namegroup_memory_bytes", "Memory of the group in bytes.", _GROUP, "memtype"),
    counter("namedprocess_namegroup_cpu_seconds_total", "CPU time of the group in seconds.", _GROUP, "mode"),
    gauge("namedprocess_namegroup_states", "Number of processes in each state.", _GROUP, "state"),
    gauge("namedprocess_namegroup_num_threads", "Number of threads of the group.", _GROUP),
    gauge("namedprocess_namegroup_oldest_start_time_seconds", "Start of the oldest process, epoch seconds.", _GROUP),
    gauge("namedprocess_namegroup_open_filedesc", "Number of open file descriptors of the group.", _GROUP),
    gauge("namedprocess_namegroup_worst_fd_ratio", "Largest share of its soft limit any process has open.", _GROUP),
)


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Processes under one name. At least one of ``comm`` and ``cmdline``; with both, either makes a member."""

    name: Annotated[
        str, Meta(min_length=1, max_length=200, description="Becomes the label `groupname`", examples=["shop"])
    ]
    comm: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of programs as the kernel keeps them (`ps -o comm`), cut to 15 characters",
            examples=[["nginx"]],
        ),
    ] = ()
    cmdline: Annotated[
        str,
        Meta(description="RE2 searched for in the command line. Empty: not looked at", examples=["java .*shop.jar"]),
    ] = ""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The counts of the whole host are always told; groups come on top."""

    groups: Annotated[
        tuple[Group, ...],
        Meta(
            description="Groups of processes to watch; a process belongs to the first that takes it",
            examples=[[{"name": "web", "comm": ["nginx"]}]],
        ),
    ] = ()


class Process(NamedTuple):
    """What /proc/PID/stat says. Times in clock ticks, ``start`` since boot, ``rss`` in pages, ``vsize`` in bytes."""

    comm: str
    state: str
    user: int
    system: int
    threads: int
    start: int
    vsize: int
    rss: int


def parse(text: str) -> Process:
    """One stat file. The name stands in parentheses and may itself contain anything, also parentheses and blanks."""
    head, _, tail = text.rpartition(")")
    f = tail.split(None, 22)
    try:
        user, system, threads, start, vsize, rss = (int(f[index]) for index in (11, 12, 17, 19, 20, 21))
    except (IndexError, ValueError) as error:
        raise CollectorError(f"a /proc/PID/stat file is not as in proc(5): {text!r:.120}") from error
    return Process(head.partition("(")[2], f[0], user, system, threads, start, vsize, rss)


def parse_fd_limit(text: str) -> int | None:
    """The soft limit of open files in /proc/PID/limits; None when it is unlimited or not there."""
    for line in text.splitlines():
        if line.startswith("Max open files"):
            soft = line[len("Max open files") :].split()[0]
            return int(soft) if soft.isdecimal() else None
    return None


def parse_swap(text: str) -> float:
    """Bytes swapped out according to /proc/PID/status; 0 for a kernel thread, which has no such line."""
    _, found, rest = text.partition("\nVmSwap:")
    amount = rest.split(None, 1)[0] if found and rest.strip() else "0"
    return float(amount) * 1024 if amount.isdecimal() else 0.0


class _Members:
    """One configured group: how to recognise a process, and the CPU time gathered from all that ever belonged to it."""

    def __init__(self, group: Group, matches: Callable[[str], bool] | None) -> None:
        self.comms = frozenset(comm[:COMM_LIMIT] for comm in group.comm)
        self.matches = matches
        self.only: Labels = labels(groupname=group.name)
        self.memory = {kind: labels(groupname=group.name, memtype=kind) for kind in ("resident", "virtual", "swapped")}
        self.modes = {mode: labels(groupname=group.name, mode=mode) for mode in ("user", "system")}
        self.states = {state: labels(groupname=group.name, state=state) for state in (*STATES.values(), "Other")}
        self._user = 0
        self._system = 0
        self._counted: dict[str, Process] = {}

    def charge(self, members: dict[str, Process], born_after: int) -> tuple[float, float]:
        """(user, system) seconds of the group so far: it never falls when a process ends.

        A process that was already there when we last looked, but not in the group, counts from now on only.
        """
        for pid, process in members.items():
            before = self._counted.get(pid)
            if before is None or before.start != process.start:
                if process.start <= born_after:
                    continue
                before = process._replace(user=0, system=0)
            self._user += max(process.user - before.user, 0)
            self._system += max(process.system - before.system, 0)
        self._counted = members
        return self._user / USER_HZ, self._system / USER_HZ


class Processes:
    def __init__(self, host: HostFS, groups: tuple[_Members, ...], page_size: int) -> None:
        self._host = host
        self._proc = host.proc
        self._groups = groups
        self._page = page_size
        self._state = OneLabel("state")
        self._known: dict[str, Process] = {}
        self._group_of: dict[str, _Members] = {}
        self._turn = 0
        self._newest = -1
        self._listed = False

    def collect(self) -> Iterator[Sample]:
        born_after = self._newest
        self._look()
        yield from self._limits()
        if not self._listed:
            raise CollectorError(
                f"{self._proc.root} lists no process (is the file system mounted, and the root right?)"
            )
        if _INIT not in self._known:
            raise CollectorError(
                "/proc hides the processes of other users, so none can be counted: take `hidepid=` off its mount or add"
                " `gid=` of a group the agent is in, and do not set ProtectProc= in its service"
            )
        yield from self._totals()
        for group in self._groups:
            members = {pid: self._known[pid] for pid, owner in self._group_of.items() if owner is group}
            yield from self._group(group, members, born_after)

    def _look(self) -> None:
        """Bring ``_known`` up to date: members of groups and newcomers now, of the others those whose turn it is."""
        pids = [name for name in self._proc.list() or () if name.isdecimal()]
        self._listed = bool(pids)
        for gone in self._known.keys() - set(pids):
            self._forget(gone)
        others = [pid for pid in pids if pid in self._known and pid not in self._group_of]
        if len(others) <= TURN:
            due = pids
        else:
            first = self._turn % len(others)
            turn = {*others[first : first + TURN], *others[: max(first + TURN - len(others), 0)]}
            self._turn = first + TURN
            due = [pid for pid in pids if pid in turn or pid not in self._known or pid in self._group_of]
        for pid in due:
            self._read(pid)
        self._newest = max((process.start for process in self._known.values()), default=-1)

    def _read(self, pid: str) -> None:
        try:
            text = self._proc.attribute(f"{pid}/stat")
        except CollectorError:  # it may not be read: then it is not counted; when that is process 1, nothing is
            text = None
        if not text:
            self._forget(pid)
            return
        process = parse(text)
        before = self._known.get(pid)
        self._known[pid] = process
        if before is None or (before.start, before.comm) != (process.start, process.comm):
            self._group_of.pop(pid, None)
            group = self._match(pid, process)
            if group is not None:
                self._group_of[pid] = group

    def _match(self, pid: str, process: Process) -> _Members | None:
        cmdline: str | None = None
        for group in self._groups:
            if process.comm in group.comms:
                return group
            if group.matches is not None:
                if cmdline is None:
                    cmdline = self._cmdline(pid)
                if group.matches(cmdline):
                    return group
        return None

    def _cmdline(self, pid: str) -> str:
        """The command line with blanks between its words; empty for a kernel thread, a zombie, or when not readable."""
        try:
            return (self._proc.head(f"{pid}/cmdline", CMDLINE_LIMIT) or "").replace("\0", " ").strip()
        except CollectorError:
            return ""

    def _forget(self, pid: str) -> None:
        self._known.pop(pid, None)
        self._group_of.pop(pid, None)

    def _totals(self) -> Iterator[Sample]:
        known = self._known.values()
        yield Sample("node_processes_pids", NONE, float(len(known)))
        yield Sample("node_processes_threads", NONE, float(sum(process.threads for process in known)))
        for state, count in Counter(process.state for process in known).items():
            yield Sample("node_processes_state", self._state[state], float(count))

    def _limits(self) -> Iterator[Sample]:
        for name, file in (
            ("node_processes_max_processes", "sys/kernel/pid_max"),
            ("node_processes_max_threads", "sys/kernel/threads-max"),
        ):
            limit = self._proc.attribute(file)
            if limit and limit.isdecimal():
                yield Sample(name, NONE, float(limit))

    def _group(self, group: _Members, members: dict[str, Process], born_after: int) -> Iterator[Sample]:
        living = {pid: process for pid, process in members.items() if process.state != "Z"}
        user, system = group.charge(living, born_after)
        yield Sample("namedprocess_namegroup_num_procs", group.only, float(len(living)))
        if members:
            states = Counter(STATES.get(process.state, "Other") for process in members.values())
            for state, pairs in group.states.items():
                yield Sample("namedprocess_namegroup_states", pairs, float(states[state]))
        if not living:
            return
        resident = float(sum(process.rss for process in living.values()) * self._page)
        virtual = float(sum(process.vsize for process in living.values()))
        swapped = sum(parse_swap(self._readable(pid, "status")) for pid in living)
        for kind, value in (("resident", resident), ("virtual", virtual), ("swapped", swapped)):
            yield Sample("namedprocess_namegroup_memory_bytes", group.memory[kind], value)
        for mode, value in (("user", user), ("system", system)):
            yield Sample("namedprocess_namegroup_cpu_seconds_total", group.modes[mode], value)
        threads = sum(process.threads for process in living.values())
        yield Sample("namedprocess_namegroup_num_threads", group.only, float(threads))
        boot = _boot_time(self._proc.read_shared("stat", "processes"))
        if boot is not None:
            oldest = boot + min(process.start for process in living.values()) / USER_HZ
            yield Sample("namedprocess_namegroup_oldest_start_time_seconds", group.only, oldest)
        yield from self._descriptors(group, living)

    def _descriptors(self, group: _Members, living: dict[str, Process]) -> Iterator[Sample]:
        """Open files; needs the same user or CAP_SYS_PTRACE. Absent when a member may not be seen."""
        counts: list[int] = []
        ratios: list[float] = []
        for pid in living:
            try:
                names = self._proc.list(f"{pid}/fd")
            except CollectorError:
                return
            if names is None:
                continue
            counts.append(len(names))
            limit = parse_fd_limit(self._readable(pid, "limits"))
            if limit:
                ratios.append(len(names) / limit)
        if counts:
            yield Sample("namedprocess_namegroup_open_filedesc", group.only, float(sum(counts)))
        if ratios:
            yield Sample("namedprocess_namegroup_worst_fd_ratio", group.only, max(ratios))

    def _readable(self, pid: str, file: str) -> str:
        try:
            return self._proc.attribute(f"{pid}/{file}") or ""
        except CollectorError:
            return ""


def _boot_time(stat: str) -> float | None:
    _, found, rest = stat.partition("\nbtime ")
    boot = rest.split(None, 1)[0] if found and rest.strip() else ""
    return float(boot) if boot.isdecimal() else None


def build(options: Options, host: HostFS) -> Processes:
    seen: set[str] = set()
    groups = []
    for group in options.groups:
        if group.name in seen:
            raise ValueError(f"groups: the name {group.name!r} is there twice")
        seen.add(group.name)
        if not group.comm and not group.cmdline:
            raise ValueError(f"groups: {group.name!r} needs `comm` or `cmdline`, or nothing ever belongs to it")
        option = f"groups: cmdline of {group.name!r}"
        groups.append(_Members(group, compile_pattern(option, group.cmdline) if group.cmdline else None))
    return Processes(host, tuple(groups), host.page_size)
