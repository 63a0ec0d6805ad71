// Runs one case: `node main.js CASE COMMAND BROWSER`, the last two being the paths of our command and of a Chromium.
'use strict';

const { Stage } = require('./stage.js');
const cases = { ...require('./demo.js'), ...require('./live.js'), ...require('./live_keys.js') };

async function main() {
  const [name, command, browser] = process.argv.slice(2);
  const run = cases[name];
  if (!run) throw new Error(`no case ${name}: ${Object.keys(cases).join(', ')}`);
  const stage = new Stage(command, browser);
  try {
    await run(stage);
  } catch (error) {
    for (const child of stage.processes)
      process.stderr.write(
        `${child.spawnargs.slice(1).join(' ')}\n${[...child.lines, ...child.errors].join('\n')}\n`,
      );
    await stage.end().catch((also) => process.stderr.write(`${also.message}\n`));
    throw error;
  }
  await stage.end();
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
