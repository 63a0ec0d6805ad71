// The live page by keyboard, its table page by page, and what it is to those who see it otherwise.
'use strict';

const assert = require('node:assert/strict');
const { shows, until } = require('./stage.js');

const ADMIN = ['--admin', '127.0.0.1:0'];
const numbers = async (page) => (await page.locator('#rows button').allInnerTexts()).map(Number);
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.innerText);

module.exports = {
  async live_is_worked_by_keyboard(stage) {
    const server = await stage.serve(...ADMIN, '--dialect', 'none');
    for (let i = 0; i < 3; i += 1) await stage.socket(server.url);
    const page = await stage.page(`${server.admin}/`);
    await until('three rows', async () => (await numbers(page)).length === 3);

    // Help: it takes the focus, keeps it through a whole round of Tab, and gives it back.
    await page.locator('#pause').focus();
    await page.keyboard.press('?');
    await shows(page, '#help-title', /^Keyboard$/);
    const seen = new Set();
    for (let i = 0; i < 5; i += 1) {
      assert.ok(
        await page.evaluate(() => document.getElementById('help').contains(document.activeElement)),
        'the focus stays in the dialog',
      );
      seen.add(await focused(page));
      await page.keyboard.press('Tab');
    }
    assert.deepEqual([...seen].sort(), ['Back', 'keys-on']);
    await page.keyboard.press('Escape');
    assert.equal(await focused(page), 'pause');

    // Search, move, open, close, and back to the row.
    await page.keyboard.press('/');
    assert.equal(await focused(page), 'search');
    await page.keyboard.type('2?');
    await shows(page, '#rows-empty', /^No connection matches “2\?”\.$/);
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    await until('all are back', async () => (await numbers(page)).length === 3);
    await page.keyboard.press('c');
    await page.keyboard.press('c');
    await page.locator('#search').fill('');
    await page.locator('#search').blur();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    assert.equal(await focused(page), '2');
    await page.keyboard.press('Enter');
    await shows(page, '#detail-title', /^Connection 2$/);
    await page.keyboard.press('Escape');
    assert.equal(await focused(page), '2');
    await page.keyboard.press('k');
    assert.equal(await focused(page), '1');
    // A row keeps the focus while the table is renewed.
    await page.waitForTimeout(2_500);
    assert.equal(await focused(page), '1');

    // Sorting by the header, said to those who do not see the arrow.
    await page.locator('[data-sort=id] button').press('Enter');
    await until('sorted downwards', async () => JSON.stringify(await numbers(page)) === '[3,2,1]');
    assert.equal(await page.locator('[data-sort=id]').getAttribute('aria-sort'), 'descending');

    // Drain asks first, with the focus on Cancel.
    await page.keyboard.press('d');
    await shows(page, '#drain-title', /^Drain the server\?$/);
    assert.equal(await focused(page), 'Cancel');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#drain').evaluate((dialog) => dialog.open), false);

    // A chart is read by the arrows.
    await until('some seconds were seen', async () =>
      /now 3/.test(await page.locator('#chart-connections .reading').innerText()),
    );
    await page.locator('#chart-connections .chart').focus();
    await page.keyboard.press('ArrowLeft');
    await shows(page, '#chart-connections .reading', /^3, [\d.]+ s ago$/);

    // Single keys can be switched off.
    await page.keyboard.press('?');
    await page.locator('#keys-on').focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('Escape');
    await page.keyboard.press('p');
    assert.equal(await page.locator('#pause').getAttribute('aria-pressed'), 'false');
  },

  async live_reaches_everything_by_tab(stage) {
    const server = await stage.serve(...ADMIN, '--dialect', 'none');
    await stage.socket(server.url);
    const page = await stage.page(`${server.admin}/`);
    await until('a row', async () => (await numbers(page)).length === 1);
    await page.locator('body').press('Home');
    const reached = [];
    for (let i = 0; i < 60; i += 1) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        const name =
          element.getAttribute('aria-label') ??
          element.labels?.[0]?.innerText ??
          (document.getElementById(element.getAttribute('aria-labelledby'))?.innerText || element.innerText);
        return {
          body: element === document.body,
          name: name?.trim(),
          visible: style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 1,
        };
      });
      if (at.body) break;
      assert.ok(at.name, `what has the focus has a name, number ${i}`);
      assert.ok(at.visible, `the focus on "${at.name}" is seen`);
      reached.push(at.name.replace(/\u00ad/g, ''));
    }
    for (const name of [
      'Skip to the connections',
      'Pause',
      'Theme: auto',
      'Keyboard shortcuts',
      'Drain…',
      'Peer',
      'Unanswered',
      'Connection 1',
      'Table of listeners',
    ]) {
      assert.ok(
        reached.some((one) => one.startsWith(name)),
        `"${name}" is reached by Tab: ${reached.join(', ')}`,
      );
    }
  },

  async live_pages_through_many_connections(stage) {
    const server = await stage.serve(...ADMIN, '--dialect', 'none');
    for (let i = 0; i < 130; i += 1) await stage.socket(server.url);
    const page = await stage.page(`${server.admin}/`);
    await shows(page, '#rows-status', /^1 to 50 of 130 connections$/);
    const first = await numbers(page);
    await page.keyboard.press('n');
    await shows(page, '#rows-status', /^51 to 100 of 130 connections$/);
    const second = await numbers(page);
    await page.getByRole('button', { name: 'Next' }).click();
    await shows(page, '#rows-status', /^101 to 130 of 130 connections$/);
    const third = await numbers(page);
    assert.equal(new Set([...first, ...second, ...third]).size, 130, 'each once');
    assert.ok(await page.locator('#next').isDisabled());
    await page.keyboard.press('b');
    await shows(page, '#rows-status', /^51 to 100 of/);
    // The search finds numbers, peers and their ports: what it finds is the API's to say.
    await page.locator('#search').fill(String(second[7]));
    const found = await (await fetch(`${server.admin}/api/connections?limit=50&q=${second[7]}`)).json();
    await shows(
      page,
      '#rows-status',
      new RegExp(`^1 to \\d+ of ${found.matched} that match, of 130 connections$`),
    );
    assert.deepEqual(
      await numbers(page),
      found.connections.map((c) => c.id),
    );
    await page.locator('#search').fill('');
    await page.locator('#limit').selectOption('250');
    await shows(page, '#rows-status', /^1 to 130 of 130 connections$/);
  },

  async live_has_nothing_that_axe_finds(stage) {
    const server = await stage.serve(...ADMIN, '--interval', '300ms');
    await stage.connect(server.url);
    await stage.connect(server.url, '--no-pong');
    for (const options of [{ viewport: { width: 360, height: 740 } }, { colorScheme: 'dark' }]) {
      const page = await stage.page(`${server.admin}/`, { reducedMotion: 'reduce', ...options });
      await shows(page, '#closes', /peer-silent/);
      await shows(page, '#chart-beats .reading', /now/);
      await stage.sound(page);
      await page.getByRole('button', { name: 'Connection 1' }).first().click();
      await shows(page, '#detail-body', /Heartbeats/);
      await stage.sound(page);
      await page.locator('#close-open').click();
      await stage.sound(page);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      for (const key of ['?', 'd']) {
        await page.keyboard.press(key);
        await stage.sound(page);
        await page.keyboard.press('Escape');
      }
    }
  },

  async live_follows_the_wishes_for_colour_and_motion(stage) {
    const server = await stage.serve(...ADMIN);
    const page = await stage.page(`${server.admin}/`, { colorScheme: 'dark', reducedMotion: 'reduce' });
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await paper();
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await paper();
    assert.notEqual(dark, light);
    await page.keyboard.press('t');
    await page.keyboard.press('t');
    assert.equal(await paper(), dark, 'the switch wins over the system');
    await page.reload();
    assert.equal(await paper(), dark, 'and is remembered');
    const moves = await page.evaluate(() => document.getAnimations().length);
    assert.equal(moves, 0, 'nothing moves');
  },
};
