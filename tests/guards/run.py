#!/usr/bin/env python3
"""Takes the guards of docs/threats.md out, one after another, and runs the tests of their row, which must fail.

    tests/guards/run.py [ROW…]      all rows, or these (8, or 8b for one guard of the row)
    tests/guards/run.py --check     only whether each guard still stands where it is looked for

Everything is built once, with a switch in each guard that the environment turns off; the files are put back as soon as it is
built, whatever happens. Run it in a work tree that nobody else builds in. Each test is seen to pass with its guard first.
Exit status: 0 every guard has a test that fails without it, 1 one has not, or it does not build, 2 a guard was not found.
"""

import json
import os
import pathlib
import subprocess
import sys

from guards import GUARDS, PROGRAMS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VARIABLE = "GUARD_OUT"
TEST_SECONDS_MAX = 150


def main():
    wanted = {arg for arg in sys.argv[1:] if not arg.startswith("-")}
    chosen = [guard for guard in GUARDS if not wanted or guard.name in wanted or str(guard.row) in wanted]
    lost = [(guard.name, path) for guard in chosen for path, text, _ in guard.edits if (ROOT / path).read_text().count(text) != 1]
    for name, path in lost:
        print(f"{name}: its guard does not stand once in {path}")
    if lost or "--check" in sys.argv:
        return 2 if lost else 0
    programs = build(chosen)
    if programs is None:
        return 1
    return 1 if [guard for guard in chosen if not holds(guard, programs)] else 0


def build(chosen):
    """Builds the programs of the chosen guards, switches in; gives the path and the folder of each."""
    whole = {}
    try:
        for guard in chosen:
            for path, text, without in guard.edits:
                file = ROOT / path
                whole.setdefault(file, file.read_text())
                file.write_text(file.read_text().replace(text, without.replace("OUT", switch(guard.name))))
        wanted = sorted({guard.program for guard in chosen})
        found = {}
        for package, targets in PROGRAMS.items():
            arguments = [word for name in wanted if name in targets for word in targets[name]]
            if arguments:
                print(f"building {' '.join(arguments)}", flush=True)
                found.update(compiled(package, arguments))
        return found
    except subprocess.CalledProcessError as error:
        print(f"it does not build with its switches\n{error.stderr[-3000:]}")
        return None
    finally:
        for file, text in whole.items():
            file.write_text(text)


def switch(name):
    # The core has no standard library of its own; a test's process has.
    return f'{{ extern crate std; std::env::var("{VARIABLE}").is_ok_and(|name| name == "{name}") }}'


def compiled(package, arguments):
    command = ["cargo", "test", "--no-run", "--message-format=json", "-p", package, *arguments]
    # Warnings are no matter here, and nothing is built upon this build.
    environment = {**os.environ, "CARGO_INCREMENTAL": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0:
        errors = [m["message"]["rendered"] for m in messages if m["reason"] == "compiler-message" and m["message"]["level"] == "error"]
        raise subprocess.CalledProcessError(done.returncode, command, stderr="".join(errors) or done.stderr)
    tests = [m for m in messages if m["reason"] == "compiler-artifact" and m["profile"]["test"] and m["executable"]]
    name = {"lib": lambda m: package, "bin": lambda m: package, "test": lambda m: m["target"]["name"]}
    return {name[m["target"]["kind"][0]](m): (m["executable"], pathlib.Path(m["manifest_path"]).parent) for m in tests}


def holds(guard, programs):
    """Whether the tests pass with the guard, and one of them fails without it."""
    with_it, failed = run(guard, programs, out="")
    if with_it != "passes":
        print(f"{guard.name}: with its guard it {with_it}: {', '.join(failed)}", flush=True)
        return False
    without, failed = run(guard, programs, out=guard.name)
    named = ": " + ", ".join(failed) if failed else ""
    print(f"{guard.name}: {'DOES NOT FAIL' if without == 'passes' else without + named}", flush=True)
    return without != "passes"


def run(guard, programs, out):
    executable, folder = programs[guard.program]
    command = [executable, guard.tests, "--test-threads=2"]
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, VARIABLE: out}, capture_output=True, text=True, timeout=TEST_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        return "fails", ["it does not end"]
    if "running 0 tests" in done.stdout:
        return "has no test", [guard.tests]
    if done.returncode == 0:
        return "passes", []
    failed = sorted({line.split()[1] for line in done.stdout.splitlines() if line.startswith("---- ")})
    # A test that takes its process with it is not named.
    return "fails", failed or [f"its process ends with {done.returncode}"]


if __name__ == "__main__":
    sys.exit(main())
