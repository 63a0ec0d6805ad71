// The demo page at the WebSocket address.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { shows, until } = require('./stage.js');

const number = async (page, selector) => Number(await page.locator(selector).innerText());

/** Several heartbeats are answered, and nobody closes. */
async function answers(page, atLeast) {
  await until(`${atLeast} answers`, async () => (await number(page, '#sent')) >= atLeast);
  await shows(page, '#state', /^Connected, answering$/);
  await until(
    'as many answers as heartbeats',
    async () => (await number(page, '#sent')) === (await number(page, '#seen')),
  );
}

module.exports = {
  async demo_answers_until_it_is_stopped_and_says_why_it_was_closed(stage) {
    // A second: a browser may be kept from its core for longer than a part of one.
    const server = await stage.serve('--interval', '1s');
    const page = await stage.page(server.page);
    await answers(page, 5);
    await shows(page, '#dialect', /^HTX \{"ping":…\}, gzip$/);
    await shows(page, '#rtt', /^last [\d.]+ m?s, most [\d.]+ m?s$/);
    await shows(page, '#gap', /^last [\d.]+ s, most [\d.]+ s$/);
    assert.match(await page.locator('#rtt-chart').getAttribute('aria-label'), /^Round trips: last /);

    await page.getByRole('button', { name: 'Stop answering' }).press('Enter');
    await shows(page, '#state', /^Closed: 4408 “heartbeat timeout”$/);
    await shows(
      page,
      '#why',
      /gave this connection up.* 2 heartbeats were left unanswered, the oldest for [\d.]+ (m?s)\.$/,
    );
    await until('the log says why too', () =>
      server.errors.find((line) => / close 4408 peer-silent: 2 unanswered/.test(line)),
    );

    // Once it is closed: axe takes longer than heartbeats wait.
    assert.equal(
      await page.evaluate(() => document.activeElement.id),
      'again',
      'the focus went to what can be done next',
    );
    await page.locator('summary').click();
    await stage.sound(page);
    await page.locator('#again').focus();
    await page.keyboard.press('Enter');
    await answers(page, 2);
    await page.getByRole('button', { name: 'Close' }).click();
    await shows(page, '#state', /^Closed: 1000/);
  },

  async demo_knows_the_text_forms_and_says_what_it_does_not_know(stage) {
    for (const [dialect, shown] of [
      ['htx-spot-v2', /^htx-spot-v2$/],
      ['htx-contract-order', /^htx-contract-order, gzip$/],
      ['cryptocom', /^cryptocom$/],
    ]) {
      const server = await stage.serve('--dialect', dialect, '--interval', '1s');
      const page = await stage.page(server.page);
      await answers(page, 4);
      await shows(page, '#dialect', shown);
      await page.close();
    }
    const silent = await stage.serve(
      '--dialect',
      'none',
      '--ping-interval',
      '200ms',
      '--ping-timeout',
      '200ms',
      '--evidence',
      'pong',
    );
    const page = await stage.page(silent.page, { viewport: { width: 360, height: 700 } });
    await shows(page, '#why', /^No heartbeat yet/);
    await page.waitForTimeout(1_500);
    await shows(page, '#state', /^Connected, answering$/);
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth),
      360,
      'no wider than a phone',
    );
  },

  async demo_works_over_tls(stage) {
    const [certificate, key] = ['pem', 'key'].map((kind) =>
      path.join(__dirname, '..', 'tests', 'fixtures', `self_signed.${kind}`),
    );
    const server = await stage.serve('--interval', '1s', '--tls-cert', certificate, '--tls-key', key);
    assert.match(server.page, /^https:/);
    // Nobody has signed it: the browser is told to take it.
    const page = await stage.page(server.page, { ignoreHTTPSErrors: true });
    await answers(page, 3);
    await page.getByRole('button', { name: 'Stop answering' }).click();
    await shows(page, '#state', /^Closed: 4408 “heartbeat timeout”$/);
  },

  async demo_says_that_the_server_is_gone(stage) {
    const server = await stage.serve('--interval', '1s');
    const page = await stage.page(server.page);
    await answers(page, 1);
    stage.expect(/WebSocket connection to .* failed/);
    server.kill('SIGKILL');
    await shows(page, '#state', /^Closed: 1006/);
    await page.getByRole('button', { name: 'Connect again' }).click();
    await shows(page, '#state', /^No connection$/);
  },
};
