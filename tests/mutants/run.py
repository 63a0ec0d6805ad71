#!/usr/bin/env python3
"""Runs the mutants that cargo-mutants lists for the core against its tests, all of a room built into one program.

    tests/mutants/run.py DIR ROOM…      a room is a file or folder of core/src: connection, hub, wheel, …

`cargo mutants` builds once a mutant; here each function holds its mutants beside its own body and the environment says which one
runs, so that a room costs one build. What does not compile is taken out (unviable). What cannot stand in the same function as the
original (a constant, an `impl` type to return) is built by itself, after all others. The tree is copied, the work tree is not
touched. Needs nightly (a `const fn` asks for its mutant at run time only) and cargo-mutants.

Most mutants are caught by the first of the quick tests. So the tests are timed once and run in stages, the quickest ones against
every mutant, the next ones against those that came through. A mutant whose tests take many times longer than without it is a
timeout, which is as good as caught.

DIR keeps the tree, what was built in it, and `outcomes.jsonl` with a line a mutant and stage. Called again with the same DIR it goes
on where it was; remove DIR/built.json to take up changed tests or sources: then those that were missed run again.
Exit status: 0 none was missed, 1 some were.
"""

import collections
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGES = ["-p", "wsbeat-core", "-p", "wsbeat-tests", "--no-default-features", "--features", "wsbeat-core/sim"]
OTHERS = ("rules", "zero_allocation", "codec_gzip_memory", "dialect_memory", "fuzz_corpus")
PROGRAMS = ["--lib", *(f"--test={name}" for name in OTHERS)]
# How many seconds all tests of a stage take together, at most; all others are the last stage.
STAGES_S = [1, 10]
# A test whose mutant takes this many times as long, and at least so many seconds, goes round for ever.
TIMEOUT_TIMES, TIMEOUT_MIN_S = 10, 5
MEMORY_MAX_BYTES = 4 << 30
# Quick to build; the searches still want some speed.
PROFILE = [f"--config=profile.dev.package.{p}.{v}" for p in ("wsbeat-core", "wsbeat-tests") for v in ("opt-level=1", "debug=0")]
THREADS = ["--test-threads=2"]
# They read the sources, which are not the house's own here.
SKIPPED = ["house::"]
# In the copy the property tests draw one case of so many: what they find they mostly find among the first.
CASES_OF = re.compile(r"((?:cases: |with_cases\()[0-9_]+)")
CASES_PART = 16
# The same cases for every mutant, none kept, none made smaller.
PROPTEST = {
    "PROPTEST_RNG_SEED": "1",
    "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1",
    "PROPTEST_MAX_SHRINK_ITERS": "0",
    "PROPTEST_MAX_SHRINK_TIME": "1",
    "WSBEAT_MODEL_CASES": "64",
}
# What only benchmarks and examples need: half of what there is to build.
BENCHES = r"^(criterion|miniz_oxide|rustix|tokio|tokio-util)\b.*\n"
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
    known = [json.loads(line) for line in outcomes.read_text().splitlines()] if outcomes.exists() else []
    known = {row["name"]: row for row in known}
    if not built.exists():
        tree = Tree(folder / "tree", listed(rooms))
        programs = tree.build()
        built.write_text(json.dumps([stages(programs), tree.mutants]))
        known = {name: row for name, row in known.items() if row["outcome"] != "missed"}
        outcomes.write_text("".join(json.dumps(row) + "\n" for row in known.values()))
    all_stages, mutants = json.loads(built.read_text())
    with outcomes.open("a") as out:

        def note(mutant, outcome, by, stage):
            known[mutant["name"]] = {"name": mutant["name"], "outcome": outcome, "by": by, "stage": stage}
            out.write(json.dumps(known[mutant["name"]]) + "\n")
            out.flush()

        for mutant in mutants:
            if "outcome" in mutant and mutant["name"] not in known:
                note(mutant, mutant["outcome"], mutant["by"], 0)
        for stage, tests in enumerate(all_stages, 1):
            left = [mutant for mutant in mutants if is_left(known.get(mutant["name"]), stage)]
            print(f"stage {stage}: {len(left)} mutants", flush=True)
            for mutant in left:
                failed = run(tests, mutant["number"])
                note(mutant, "missed" if failed is None else "timeout" if failed == "timeout" else "caught", failed, stage)
        apart = [mutant for mutant in mutants if known[mutant["name"]]["outcome"] == "apart"]
        print(f"apart: {len(apart)} mutants", flush=True)
        if apart:
            tree = Tree(folder / "apart", [])
            # It must build as it is: what does not build later is the mutant's doing.
            tree.build()
        for mutant in apart:
            programs = tree.build_one(mutant)
            if not programs:
                note(mutant, "unviable", "built by itself", 0)
                continue
            failed = None
            for tests in all_stages:
                failed = failed or run(moved(tests, programs), 0)
            note(mutant, "missed" if failed is None else "timeout" if failed == "timeout" else "caught", failed, len(all_stages))
    for mutant in mutants:
        if known[mutant["name"]]["outcome"] == "missed":
            print(f'missed: {mutant["name"]}')
    of_rooms = collections.defaultdict(collections.Counter)
    for mutant in mutants:
        of_rooms[mutant["file"].split("/")[2].removesuffix(".rs")][known[mutant["name"]]["outcome"]] += 1
    for room, counts in of_rooms.items():
        print(f"{room}: {sum(counts.values())} listed, " + ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    return 1 if any(counts["missed"] for counts in of_rooms.values()) else 0


def is_left(row, stage):
    """Whether the mutant with this row came through all stages before this one, and did not run in this one."""
    return stage == 1 if row is None else row["outcome"] == "missed" and row["stage"] == stage - 1


def moved(stage, programs):
    """The stage with these programs in the place of those of the same names."""
    name = re.compile(r"[^/]+(?=-[0-9a-f]+$)")
    new = {name.search(program)[0]: (program, folder) for program, folder in programs}
    return [[*new[name.search(program)[0]], tests, seconds] for program, _, tests, seconds in stage]


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
        self.folder, self.mutants = folder, mutants
        for path in subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
        manifest = folder / "core/Cargo.toml"
        manifest.write_text(re.sub(BENCHES, "", manifest.read_text(), flags=re.M))
        root = folder / "core/src/lib.rs"
        features = "#![feature(core_intrinsics, const_eval_select)]\n#![forbid(unsafe_code)]"
        root.write_text(root.read_text().replace("#![forbid(unsafe_code)]", features) + SWITCH)
        for path in folder.glob("tests/tests/rules/*.rs"):
            path.write_text(CASES_OF.sub(rf"\1 / {CASES_PART}", path.read_text()))
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

    def build_one(self, mutant):
        """The test programs with this one mutant in the place of the original; none where it does not compile."""
        file, programs = self.folder / mutant["file"], []
        original = file.read_text()
        file.write_text(mutated(original, 0, len(original), mutant))
        errors = self.cargo("test", "--no-run", *PACKAGES, *PROGRAMS, programs=programs)
        file.write_text(original)
        return [] if errors else programs

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


def stages(programs):
    """The tests without a mutant, timed, and cut into stages: of each the programs with their folders, tests and seconds."""
    times = []
    for program, folder in programs:
        skipped = [word for name in SKIPPED for word in ("--skip", name)]
        done = subprocess.run(
            [program, *THREADS, "-Zunstable-options", "--report-time", *skipped],
            cwd=folder, env=environment(folder, 0), stdout=subprocess.PIPE, text=True,
        )
        if done.returncode:
            sys.exit(f"the tests fail without a mutant: {done.stdout}")
        for name, seconds in re.findall(r"^test (\S+).* ok <([0-9.]+)s>$", done.stdout, flags=re.M):
            times.append((float(seconds), program, folder, name))
    cut, took = [[] for _ in range(len(STAGES_S) + 1)], 0
    for test in sorted(times):
        took += test[0]
        cut[sum(took > limit for limit in STAGES_S)].append(test)
    found = []
    for tests in cut:
        stage = []
        for program, folder in programs:
            own = [(seconds, name) for seconds, of, _, name in tests if of == program]
            if own:
                stage.append([program, folder, [name for _, name in own], sum(seconds for seconds, _ in own)])
        found.append(stage)
        print(f"a stage of {len(tests)} tests, {sum(test[0] for test in tests):.1f} s", flush=True)
    return found


def environment(folder, number):
    return {**os.environ, **PROPTEST, "MUTANT": str(number), "CARGO_MANIFEST_DIR": str(folder)}


def run(stage, number):
    """The first test of the stage that fails under a mutant, "timeout", or None."""
    for program, folder, tests, seconds in stage:
        failed = run_one([program, *THREADS, "--exact", *tests], folder, environment(folder, number), seconds)
        if failed is not None:
            return failed
    return None


def run_one(command, folder, env, seconds):
    # Seconds of the processor: how busy the machine is otherwise decides nothing.
    limit_s = max(TIMEOUT_MIN_S, round(TIMEOUT_TIMES * seconds))

    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    child = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=limits)
    # One that waits for ever takes no time of the processor.
    waits = threading.Timer(20 * limit_s, child.kill)
    waits.start()
    try:
        for line in child.stdout:
            if line.rstrip().endswith("FAILED"):
                child.kill()
                return line.split()[1]
        code = child.wait()
        return {0: None, -signal.SIGXCPU: "timeout", -signal.SIGKILL: "timeout"}.get(code, "the program")
    finally:
        waits.cancel()
        child.wait()


if __name__ == "__main__":
    sys.exit(main())
