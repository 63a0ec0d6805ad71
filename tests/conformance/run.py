#!/usr/bin/env python3
"""Autobahn's conformance suite against wsbeat's server and client, held against the golden lists beside this file.

    tests/conformance/run.py server|client|limits [--cases 1.*,2.*] [--update]

  server   `wsbeat serve` with room for the suite's longest messages
  client   the library's client (tests/examples/conformance_client.rs)
  limits   `wsbeat serve` with the limits it comes with: what does not fit ends in 1009, or in 1008 where a message's
           frames run out (1,024) before its bytes do (1 MiB)

The suite (autobahntestsuite, pinned in pins.txt) wants Python 2.7 or PyPy 2.7: the first of $PYTHON2, pyenv's
2.7, pypy, python2.7 that works. It is installed once, about two minutes, into target/conformance. Release builds are used.

A line of a golden list is a case, how it went, how the close went, and the close code that was sent ("-": none).
Exit status: 0 as the list says, 1 something else came out, 3 the suite cannot be installed here.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
HOME = TARGET / "conformance"
AGENT = "wsbeat"
# Compression extensions: none is negotiated here.
EXCLUDED = ["12.*", "13.*"]
# The cases whose point is the size: more than 1 MiB in a message, or more than 1,024 frames.
SIZES = ["9.1.*", "9.2.*", "9.3.*", "9.4.*"]
ROOM = ["--dialect", "none", "--max-message", "64MiB", "--write-limit", "64MiB", "--set", "max_frames=1000000"]
TIME_LIMIT_S = 1800


class Missing(Exception):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["server", "client", "limits"])
    parser.add_argument("--cases", help="patterns of the suite, separated by commas")
    parser.add_argument("--update", action="store_true", help="write the golden list instead of comparing")
    args = parser.parse_args()
    cases = args.cases.split(",") if args.cases else (SIZES if args.what == "limits" else ["*"])
    try:
        python = installed()
    except Missing as error:
        print(f"the suite cannot be installed here: {error}", file=sys.stderr)
        return 3
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        folder = pathlib.Path(folder)
        run = against_client if args.what == "client" else against_server
        run(python, folder, args.what, cases)
        report = json.loads((folder / "reports" / "index.json").read_text())[AGENT]
        results = sorted(map(line, report.items()), key=number)
    return judge(HERE / f"golden-{args.what}.txt", results, args)


def line(item):
    case, result = item
    code = result["remoteCloseCode"]
    return f"{case} {result['behavior']} {result['behaviorClose']} {'-' if code is None else code}"


def number(text):
    return [int(part) for part in text.split()[0].split(".")]


def judge(golden, results, args):
    behaviours = [text.split()[1] for text in results]
    bad = [text for text in results if not set(text.split()) & {"OK", "NON-STRICT", "INFORMATIONAL"} or "FAILED" in text]
    if args.what == "limits":
        print(", ".join(f"{n} ended in {code}" for code, n in sorted(collections.Counter(text.split()[-1] for text in results).items())))
    else:
        print(f"{len(results) - len(bad)} passed, {len(bad)} failed, {behaviours.count('OK')} strictly OK")
    if args.update:
        golden.write_text("".join(f"{text}\n" for text in results))
        return 0
    wanted = dict(text.split(" ", 1) for text in golden.read_text().splitlines())
    found = dict(text.split(" ", 1) for text in results)
    if args.cases is None:
        for case in wanted.keys() - found.keys():
            found[case] = "not run"
    wrong = {case: how for case, how in found.items() if wanted.get(case) != how}
    for case in sorted(wrong, key=number):
        print(f"{case}: {wrong[case]}, not {wanted.get(case, 'in the list')}")
    return 1 if wrong or not results else 0


def against_server(python, folder, what, cases):
    command = binary("-p", "wsbeat", "--bin", "wsbeat") / "wsbeat"
    room = ROOM if what == "server" else ["--dialect", "none"]
    server = subprocess.Popen([command, "serve", "-q", "--listen", "127.0.0.1:0", *room], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        spec = {"outdir": str(folder / "reports"), "servers": [{"agent": AGENT, "url": url}], **selection(cases)}
        suite(python, folder, "fuzzingclient", spec).communicate(timeout=TIME_LIMIT_S)
    finally:
        server.terminate()
        server.wait()


def against_client(python, folder, _what, cases):
    command = binary("-p", "wsbeat-tests", "--example", "conformance_client") / "examples" / "conformance_client"
    port = free_port()
    spec = {"outdir": str(folder / "reports"), "url": f"ws://127.0.0.1:{port}", **selection(cases)}
    server = suite(python, folder, "fuzzingserver", spec, "--webport", "0")
    try:
        wait_for(port)
        subprocess.run([command, spec["url"], AGENT], check=True, timeout=TIME_LIMIT_S)
        wait_until((folder / "reports" / "index.json").exists, "no report was written")
    finally:
        server.terminate()
        server.wait()


def selection(cases):
    return {"cases": cases, "exclude-cases": EXCLUDED, "exclude-agent-cases": {}}


def suite(python, folder, mode, spec, *more):
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    log = (folder / "suite.log").open("w")
    command = [python, HERE / "loopback.py", "-m", mode, "-s", path, *more]
    # The suite leaves a key of its own in the folder that it runs in.
    return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "PYTHONWARNINGS": "ignore"})


def binary(*package):
    subprocess.run(["cargo", "build", "--quiet", *package, "--release"], check=True, cwd=ROOT)
    return TARGET / "release"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, "the suite's server does not listen")


def wait_until(holds, otherwise):
    end = time.monotonic() + 60
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(otherwise)
        time.sleep(0.1)


def installed():
    """The Python that has the suite; installed on first use."""
    pins = HERE / "pins.txt"
    folder = HOME / f"suite-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    old = python2()
    with tempfile.TemporaryDirectory(dir=HOME) as tools:
        # The last virtualenv that makes environments of Python 2.
        quiet(old, "-m", "pip", "install", "--quiet", "--target", tools, "virtualenv==20.15.1")
        quiet(old, "-m", "virtualenv", "--quiet", folder, PYTHONPATH=tools)
    quiet(python, "-m", "pip", "install", "--quiet", "-r", pins)
    (folder / "complete").touch()
    return python


def python2():
    pyenv = sorted(pathlib.Path.home().glob(".pyenv/versions/*2.7*/bin/python"))
    names = [os.environ.get("PYTHON2"), *pyenv, "pypy", "pypy2", "python2.7"]
    for name in filter(None, names):
        try:
            found = subprocess.run([name, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
        except OSError:
            continue
        if found.stdout.strip() == "(2, 7)":
            return name
    raise Missing("no Python 2.7 and no PyPy 2.7 (set PYTHON2)")


def quiet(*command, **environment):
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore", **environment})
    if result.returncode != 0:
        raise Missing(f"{' '.join(map(str, command))}: {result.stderr.strip()[-500:]}")


if __name__ == "__main__":
    sys.exit(main())
