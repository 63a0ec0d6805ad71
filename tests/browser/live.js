// The live page at the admin address.
'use strict';

const assert = require('node:assert/strict');
const { shows, until } = require('./stage.js');

const ADMIN = ['--admin', '127.0.0.1:0'];
const whole = (n) => new Intl.NumberFormat('en').format(n);

/** An answer of the API. */
async function api(server, path, token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return (await fetch(`${server.admin}/api/${path}`, { headers })).json();
}

const rows = (page) => page.locator('#rows tr');
const numbers = async (page) => (await page.locator('#rows button').allInnerTexts()).map(Number);

module.exports = {
  async live_shows_what_the_api_says(stage) {
    const server = await stage.serve(
      ...ADMIN,
      '--interval',
      '500ms',
      '--ping-interval',
      '1s',
      '--ping-timeout',
      '5s',
    );
    for (let i = 0; i < 3; i += 1) await stage.connect(server.url);
    const page = await stage.page(`${server.admin}/`);
    await shows(page, '#link-text', /^Live$/);
    await shows(page, '#tile-connections', /^3$/);
    // At some moment the page and the API say the same.
    await until('the page says what the summary says', async () => {
      const before = await api(server, 'summary');
      const shown = await page.evaluate(() =>
        ['connections', 'connections-more', 'beats-more', 'closed-more'].map(
          (id) => document.getElementById(`tile-${id}`).innerText,
        ),
      );
      const matched = before.answers.transport.matched + before.answers.application.matched;
      const sent = before.pings_sent.transport + before.pings_sent.application;
      const said = [
        whole(before.connections),
        `${whole(before.opened)} since the start`,
        `${whole(sent)} sent, ${whole(matched)} answered`,
        'in the last minute, 0 in all',
      ];
      return JSON.stringify(shown) === JSON.stringify(said);
    });
    await page.waitForTimeout(6_000);
    const { rtt_us: rtt } = await api(server, 'summary');
    assert.ok(rtt.application.count > 10 && rtt.transport.count > 5, 'both planes beat');
    await page.locator('#rtt-span').selectOption('all');
    await until('the histogram counts what the API counts', async () => {
      const { rtt_us: now } = await api(server, 'summary');
      const label = await page.locator('#chart-rtt .chart').getAttribute('aria-label');
      return label.includes(`${whole(now.application.count)} round trips`);
    });
    await page.locator('#rtt-plane').selectOption('transport');
    assert.match(
      await page.locator('#chart-rtt .chart').getAttribute('aria-label'),
      /^Round trips: \d+ round trips: p50 .*s, p90 .*s, p99 .*s$/,
    );
    await shows(page, '#tile-beats', /^(8|9|10)(\.\d)?\/s$/);
    await shows(page, '#tile-misses', /^0\/s$/);
    await shows(page, '#chart-lag .reading', /^now .*s, least .*s, most .*s$/);

    const list = await api(server, 'connections');
    assert.deepEqual(
      await numbers(page),
      list.connections.map((c) => c.id),
    );
    for (const [i, c] of list.connections.entries()) {
      const cells = await rows(page).nth(i).locator('td').allInnerTexts();
      assert.deepEqual([cells[0], cells[1], cells[3]], [c.peer, c.listener, c.phase]);
    }
    const [listener] = (await api(server, 'summary')).listeners;
    const cells = await page.locator('#listeners tbody tr').first().locator('th, td').allInnerTexts();
    assert.deepEqual(cells, [
      listener.name,
      listener.urls.join(' '),
      listener.dialect,
      '0.5 s',
      'strict',
      '1.0 s',
      '1 worker',
    ]);
  },

  async live_tells_the_verdict_on_a_mute_client(stage) {
    const server = await stage.serve(...ADMIN, '--interval', '500ms');
    await stage.connect(server.url);
    const page = await stage.page(`${server.admin}/`, { viewport: { width: 360, height: 740 } });
    await shows(page, '#verdicts-empty', /^No verdict yet\.$/);
    const mute = await stage.connect(server.url, '--no-pong');
    await shows(page, '#verdicts li', /peer-silent\s+code 4408\s+#2\s/);
    assert.equal(await mute.ended, 4);
    const line = await until('the log has the line', () =>
      server.errors.find((error) => error.includes('peer-silent')),
    );
    const explained = await page.locator('#verdicts .line').first().innerText();
    assert.ok(line.endsWith(explained), `the log says "${line}", the page "${explained}"`);
    await shows(page, '#closes', /peer-silent\s+The deadline passed[^]*\s4408\s+1\s*$/);
    await shows(page, '#tile-closed', /^1$/);
    await shows(page, '#tile-connections', /^1$/);
    await page.locator('#verdict-filter').selectOption('too-big');
    await shows(page, '#verdicts-empty', /^No too-big among the last 1\.$/);
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth),
      360,
      'no wider than a phone',
    );
    // A page that opens later has it too.
    const later = await stage.page(`${server.admin}/`);
    await shows(later, '#verdicts .line', new RegExp('peer-silent: 2 unanswered'));
  },

  async live_looks_into_a_connection_and_closes_it(stage) {
    const server = await stage.serve(...ADMIN, '--interval', '400ms');
    const stays = await stage.connect(server.url);
    const goes = await stage.connect(server.url, '--count', '1000');
    const page = await stage.page(`${server.admin}/`);
    await page.getByRole('button', { name: 'Connection 2' }).click();
    await shows(page, '#detail-title', /^Connection 2$/);
    const said = await api(server, 'connections/2');
    await shows(page, '#detail-body', new RegExp(`Peer\\s+${said.peer}`));
    await shows(page, '#detail-body', /This plane is off/);
    await until(
      'a strip of heartbeats grows',
      async () => (await page.locator('.strip li.answered').count()) >= 6,
    );
    await page.getByRole('button', { name: 'Close this connection…' }).click();
    await page.getByLabel('Code').fill('999');
    await page.getByRole('button', { name: 'Close it' }).click();
    assert.ok(
      await page.locator('#close').evaluate((dialog) => dialog.open),
      'a code that cannot be is not sent',
    );
    await page.getByLabel('Code').fill('4001');
    await page.getByLabel('Reason').fill('by hand');
    await page.getByRole('button', { name: 'Close it' }).click();
    stage.expect(/404 .*connections\/2$/);
    assert.equal(await goes.ended, 5);
    assert.match(goes.lines.at(-1), /closed 4001/);
    await shows(page, '#detail-body .note', /^This connection has ended\. conn=2 close 4001 user: /);
    await page.keyboard.press('Escape');
    await until('one row is left', async () => JSON.stringify(await numbers(page)) === '[1]');
    assert.equal(stays.exitCode, null);
  },

  async live_drains_after_asking(stage) {
    const server = await stage.serve(...ADMIN, '--interval', '1s', '--drain', '3s');
    const clients = [await stage.connect(server.url), await stage.connect(server.url)];
    const page = await stage.page(`${server.admin}/`);
    await shows(page, '#tile-connections', /^2$/);
    await page.getByRole('button', { name: 'Drain…' }).click();
    await shows(page, '#drain-text', /closes 2 connections with 1001/);
    await page.getByRole('button', { name: 'Cancel' }).click();
    assert.equal((await api(server, 'summary')).draining, false, 'nothing was asked for yet');
    await page.getByRole('button', { name: 'Drain…' }).click();
    stage.expect(/net::ERR_|Failed to load resource/);
    await page.getByRole('button', { name: 'Drain and end' }).click();
    assert.equal(await server.ended, 0);
    for (const client of clients) {
      await client.ended;
      assert.match(client.lines.at(-1), /closed 1001/);
    }
    await shows(page, '#lost-title', /^The server (drained and is gone|is lost)\.$/);
  },

  async live_says_that_the_server_is_lost_and_comes_back_by_itself(stage) {
    let server = await stage.serve(...ADMIN, '--interval', '1s');
    await stage.connect(server.url);
    const page = await stage.page(`${server.admin}/`);
    await shows(page, '#tile-connections', /^1$/);
    stage.expect(/net::ERR_/);
    const listens = [
      '--listen',
      server.url.replace('ws://', ''),
      '--admin',
      server.admin.replace('http://', ''),
    ];
    server.kill('SIGKILL');
    await shows(page, '#link-text', /^Lost$/);
    await shows(
      page,
      '#lost',
      /^The server is lost\. .* What is shown is [\d.]+ s old\. Trying again (in \d+ s|now)\./,
    );
    // A stopped process keeps its sockets and says nothing.
    server = await stage.serve(...listens, '--interval', '1s');
    await shows(page, '#link-text', /^Live$/);
    await shows(page, '#notice', /^(Connected again|The server was restarted: everything counts anew)\.$/);
    await shows(page, '#tile-connections', /^0$/);
    assert.ok(await page.locator('#lost').isHidden());
    server.kill('SIGSTOP');
    await shows(page, '#lost', /^The server is lost\. The server was silent for 5 s\./);
    server.kill('SIGCONT');
    await shows(page, '#link-text', /^Live$/);
  },

  async live_asks_for_the_token_once(stage) {
    const server = await stage.serve(...ADMIN, '--admin-token', 's3cret-token');
    await stage.connect(server.url);
    stage.expect(/status of 401/);
    const page = await stage.page(`${server.admin}/`);
    await shows(page, '#token-title', /^A token is needed$/);
    await page.keyboard.press('Escape');
    await page.locator('#token-input').fill('wrong');
    await page.keyboard.press('Enter');
    await shows(page, '#token-error', /^That token was not taken\.$/);
    await page.locator('#token-input').fill('s3cret-token');
    await page.keyboard.press('Enter');
    await shows(page, '#tile-connections', /^1$/);
    await until('the table is there', async () => (await rows(page).count()) === 1);
    await page.reload();
    await shows(page, '#tile-connections', /^1$/);
    assert.equal(
      await page.locator('#token').evaluate((dialog) => dialog.open),
      false,
      'a reload does not ask again',
    );
    assert.equal(
      await page.evaluate(
        () => localStorage.length === 0 || !JSON.stringify(localStorage).includes('s3cret'),
      ),
      true,
    );
  },
};
