"""Run by snmpd (``pass_persist``): answers for the objects in a file of ``OID TYPE VALUE`` lines."""

import sys


def main(path: str) -> None:
    with open(path) as file:
        lines = [(*line.rstrip("\n").split(" ", 2), "") for line in file]
    held = {tuple(map(int, line[0].split("."))): (line[1], line[2]) for line in lines}
    order = sorted(held)
    while command := sys.stdin.readline().strip():
        if command == "PING":
            print("PONG", flush=True)
            continue
        asked = tuple(map(int, sys.stdin.readline().strip().lstrip(".").split(".")))
        found = asked if command == "get" else next((oid for oid in order if oid > asked), None)
        if found is None or found not in held:
            print("NONE", flush=True)
        else:
            print("." + ".".join(map(str, found)), *held[found], sep="\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
