#!/usr/bin/env python3
"""Runs the mutants that cargo-mutants lists for the core against its tests, all of a room built into one program.

    tests/mutants/run.py DIR ROOM…      a room is a file or folder of core/src: connection, hub, wheel, …

`cargo mutants` builds once a mutant; here each function holds its mutants beside its own body and the environment says which one
runs, so that a room costs one build. What does not compile is taken out (unviable); what cannot stand in the same function as the
original (a constant, an `impl` type to return) is listed as apart, and wants `cargo mutants --re NAME`. The tree is copied, the work tree is
not touched. Needs nightly (a `const fn` asks for its mutant at run time only) and cargo-mutants.

DIR keeps the tree, what was built in it, and `outcomes.jsonl` with a line a mutant. Called again with the same DIR it goes on
where it was; to take up changed tests or sources, remove DIR/built.json. Exit status: 0 none was missed, 1 some were.
"""

import collections
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGES = ["-p", "wsbeat-core", "-p", "wsbeat-tests", "--no-default-features", "--features", "wsbeat-core/sim"]
PROGRAMS = ["--lib", "--test", "rules"]
# Quick to build; the searches still want some speed.
PROFILE = [f"--config=profile.dev.package.{p}.{v}" for p in ("wsbeat-core", "wsbeat-tests") for v in ("opt-level=1", "debug=0")]
# They read the sources, which are not the house's own here.
SKIPPED = ["house::"]
# The same cases for every mutant, none kept, none made smaller.
PROPTEST = {
    "PROPTEST_RNG_SEED": "1",
    "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1",
    "PROPTEST_MAX_SHRINK_ITERS": "0",
    "PROPTEST_MAX_SHRINK_TIME": "1",
}
# What only benchmarks and examples need: half of what there is to build.
BENCHES = r"^(criterion|miniz_oxide|tokio|tokio-util)\b.*\n"
# What decides which mutant runs: nothing in a constant, the environment otherwise.
SWITCH = """
#[doc(hidden)]
pub const fn mutant() -> u32 {
    const fn none() -> u32 { 0 }
    fn asked() -> u32 {
        static ASKED: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        *ASKED.get_or_init(|| std::env::var("MUTANT").map_or(0, |number| number.parse().unwrap_or(0)))
    }
    core::intrinsics::const_eval_select((), none, asked)
}
"""


def main():
    folder, rooms = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    built, outcomes = folder / "built.json", folder / "outcomes.jsonl"
    if not built.exists():
        tree = Tree(folder, listed(rooms))
        built.write_text(json.dumps([tree.build(), tree.mutants]))
    programs, mutants = json.loads(built.read_text())
    known = [json.loads(line) for line in outcomes.read_text().splitlines()] if outcomes.exists() else []
    known = {mutant["name"]: mutant["outcome"] for mutant in known}
    began = time.monotonic()
    if (failed := run(programs, 0, 3600)) is not None:
        sys.exit(f"the tests fail without a mutant: {failed}")
    once = time.monotonic() - began
    print(f"{len(mutants)} mutants, the tests take {once:.0f} s", flush=True)
    with outcomes.open("a") as out:
        for mutant in mutants:
            if mutant["name"] in known:
                continue
            if "outcome" not in mutant:
                failed = run(programs, mutant["number"], 30 + 5 * once)
                mutant["outcome"] = "missed" if failed is None else "timeout" if failed == "timeout" else "caught"
                mutant["by"] = failed
            known[mutant["name"]] = mutant["outcome"]
            out.write(json.dumps({key: mutant.get(key) for key in ("name", "outcome", "by")}) + "\n")
            out.flush()
            if mutant["outcome"] in ("missed", "timeout"):
                print(f'{mutant["outcome"]}: {mutant["name"]}', flush=True)
    counts = collections.Counter(known[mutant["name"]] for mutant in mutants)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    return 1 if counts["missed"] else 0


def listed(rooms):
    """The mutants of these rooms, in their order, numbered from 1."""
    mutants = []
    for room in rooms:
        files = [f"--file=core/src/{room}{end}" for end in (".rs", "/**/*.rs")]
        command = ["cargo", "mutants", "--list", "--json", "--package", "wsbeat-core", *files]
        mutants += json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    for number, mutant in enumerate(mutants, 1):
        mutant["number"] = number
        if not mutant["function"]:
            mutant["outcome"], mutant["by"] = "apart", "a constant"
    return mutants


class Tree:
    """A copy of the sources, with the mutants in it."""

    def __init__(self, folder, mutants):
        self.folder, self.mutants = folder / "tree", mutants
        folder = self.folder
        for path in subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
        manifest = folder / "core/Cargo.toml"
        manifest.write_text(re.sub(BENCHES, "", manifest.read_text(), flags=re.M))
        root = folder / "core/src/lib.rs"
        features = "#![feature(core_intrinsics, const_eval_select)]\n#![forbid(unsafe_code)]"
        root.write_text(root.read_text().replace("#![forbid(unsafe_code)]", features) + SWITCH)
        self.sources = {file: (folder / file).read_text() for file in sorted({m["file"] for m in mutants if m["function"]})}

    def write(self):
        """Writes the mutated files; what line belongs to which mutant, and which lines to which function."""
        self.lines, self.functions = {}, {}
        for file, text in self.sources.items():
            groups = collections.defaultdict(list)
            for mutant in self.mutants:
                if mutant["file"] == file and mutant["function"]:
                    groups[body_of(text, mutant["function"]["span"])].append(mutant)
            for inner in sorted(groups, key=lambda span: span[1] - span[0]):
                outer = [span for span in groups if span[0] < inner[0] and inner[1] < span[1]]
                if outer:
                    groups[max(outer, key=lambda span: span[1] - span[0])] += groups.pop(inner)
            pieces, at, line = [], 0, 1
            for (begin, end), mutants in sorted(groups.items()):
                pieces.append(text[at:begin])
                line += pieces[-1].count("\n")
                first = line
                pieces.append("{ match crate::mutant() {\n")
                line += 1
                for mutant in mutants:
                    if "outcome" in mutant:
                        continue
                    arm = f'{mutant["number"]} => {mutated(text, begin, end, mutant)}\n'
                    for of_arm in range(line, line + arm.count("\n") + 1):
                        self.lines.setdefault((file, of_arm), mutant)
                    line += arm.count("\n")
                    pieces.append(arm)
                pieces.append(f"_ => {text[begin:end]}\n}} }}")
                line += pieces[-1].count("\n")
                for of_function in range(first, line + 1):
                    self.functions[file, of_function] = mutants
                at = end
            (self.folder / file).write_text("".join(pieces) + text[at:])

    def build(self):
        """Takes out what does not compile, and gives the test programs with the folders that they run in."""
        self.write()
        while errors := self.cargo("check", "-p", "wsbeat-core", "--features", "sim"):
            self.take_out(errors)
        programs = []
        # Some lints that are errors speak only when code is made.
        while errors := self.cargo("test", "--no-run", *PACKAGES, *PROGRAMS, programs=programs):
            self.take_out(errors)
        return programs

    def take_out(self, errors):
        took = 0
        for error in errors:
            spans = sorted(error["spans"], key=lambda span: not span["is_primary"])
            places = [(span["file_name"], line) for span in spans for line in range(span["line_start"], span["line_end"] + 1)]
            own = next((self.lines[place] for place in places if place in self.lines), None)
            apart = next((self.functions[place] for place in places if place in self.functions), [])
            for mutant in [own] if own else apart:
                if "outcome" not in mutant:
                    mutant["outcome"], mutant["by"] = "unviable" if own else "apart", error["message"]
                    took += 1
        print(f"{took} mutants do not compile", flush=True)
        if not took:
            sys.exit("\n".join(error["rendered"] for error in errors))
        self.write()

    def cargo(self, *command, programs=None):
        command = ["cargo", "+nightly", *command, *PROFILE, "--offline", "--message-format=json"]
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        errors = [m["message"] for m in messages if m["reason"] == "compiler-message" and m["message"]["level"] == "error"]
        errors = [error for error in errors if error["spans"]]
        if done.returncode and not errors:
            sys.exit(done.stderr)
        for message in messages if programs is not None else []:
            if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
                programs.append((message["executable"], str(pathlib.Path(message["manifest_path"]).parent)))
        return errors


def offset(text, place):
    """Where a line and a column, both from 1, stand in the text."""
    at = 0
    for _ in range(place["line"] - 1):
        at = text.index("\n", at) + 1
    return at + place["column"] - 1


def body_of(text, span):
    """Begin and end of the body of the function in the span: from its first brace outside of words to its end."""
    at, end = offset(text, span["start"]), offset(text, span["end"])
    while text[at] != "{":
        if text.startswith("//", at):
            at = text.index("\n", at)
        elif text[at] == '"':
            at += 1
            while text[at] != '"':
                at += 2 if text[at] == "\\" else 1
        at += 1
    assert text[end - 1] == "}", text[at:end]
    return at, end


def mutated(text, begin, end, mutant):
    """The body with the mutant in it."""
    at, to = offset(text, mutant["span"]["start"]), offset(text, mutant["span"]["end"])
    assert begin <= at and to <= end, mutant
    if mutant["genre"] == "FnValue":
        return "{ " + mutant["replacement"] + " }"
    return text[begin:at] + mutant["replacement"] + text[to:end]


def run(programs, number, timeout_s):
    """The first test that fails under a mutant, "timeout", or None."""
    env = {**os.environ, **PROPTEST, "MUTANT": str(number)}
    skipped = [word for name in SKIPPED for word in ("--skip", name)]
    until = time.monotonic() + timeout_s
    for program, folder in programs:
        failed = run_one([program, *skipped], folder, {**env, "CARGO_MANIFEST_DIR": str(folder)}, until)
        if failed is not None:
            return failed
    return None


def run_one(command, folder, env, until):
    limit = 8 << 30
    limits = lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    command = ["timeout", "-s", "KILL", f"{max(until - time.monotonic(), 1):.0f}", *command]
    child = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=limits)
    for line in child.stdout:
        if line.rstrip().endswith("FAILED"):
            child.terminate()
            child.wait()
            return line.split()[1]
    if child.wait() == 0:
        return None
    return "timeout" if time.monotonic() >= until - 1 else "the program"


if __name__ == "__main__":
    sys.exit(main())
