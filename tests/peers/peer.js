// What both Node peers share: their arguments, their event lines, and their end. The lines are those of peer.py.
'use strict';

const LAG_STEP_MS = 5;
let lagMs = 0;

// The system's monotonic clock, the one the Python peers read.
function nowMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

function emit(event, facts = {}) {
  process.stdout.write(JSON.stringify({ t: nowMs() / 1000, lag: lagMs / 1000, event, ...facts }) + '\n');
  lagMs = 0;
}

// `--name value` pairs, numbers where they look like one; what stands alone is the URL.
function readArguments() {
  const args = { for: 60, answers: Infinity, delay: 0 };
  for (let i = 2; i < process.argv.length; i++) {
    const word = process.argv[i];
    if (!word.startsWith('--')) args.url = word;
    else {
      const value = process.argv[++i];
      args[word.slice(2)] = Number.isNaN(Number(value)) ? value : Number(value);
    }
  }
  startGuards(args.for);
  return args;
}

function startGuards(seconds) {
  process.stdin.resume().on('end', () => process.exit(0));
  setTimeout(() => process.exit(3), seconds * 1000).unref();
  let before = nowMs();
  setInterval(() => {
    const now = nowMs();
    lagMs = Math.max(lagMs, now - before - LAG_STEP_MS);
    before = now;
  }, LAG_STEP_MS).unref();
}

module.exports = { emit, readArguments };
