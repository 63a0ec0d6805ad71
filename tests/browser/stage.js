// What one case stands on: a headless browser, our command, and plain sockets. Everything ends with the case.
'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const { createInterface } = require('node:readline');
const axe = require('axe-core');
const { chromium } = require('playwright-core');

const PATIENCE_MS = 20_000;
// A browser that looks for nothing outside, and runs as root in a container too.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

class Stage {
  /** Our command and the browser, by their paths. */
  constructor(command, browser) {
    this.command = command;
    this.executablePath = browser;
    this.processes = [];
    this.sockets = [];
    this.console = [];
    this.expected = [];
  }

  /** Starts `wsbeat serve` on free ports; resolves once it listens. */
  async serve(...words) {
    const listens = words.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
    const server = this.run('serve', ...listens, ...words);
    server.url = await server.said('listening on ');
    server.page = `${server.url.replace(/^ws/, 'http')}/`;
    if (words.includes('--admin')) server.admin = await server.said('admin on ');
    return server;
  }

  /** Starts `wsbeat connect`; resolves once it is connected. */
  async connect(url, ...words) {
    const client = this.run('connect', url, ...words);
    await client.said('connected ');
    return client;
  }

  /** Starts our command; its lines are kept. */
  run(...words) {
    const child = spawn(this.command, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.processes.push(child);
    child.lines = [];
    child.errors = [];
    child.ended = once(child, 'exit').then(([code]) => code);
    createInterface({ input: child.stdout }).on('line', (line) => child.lines.push(line));
    createInterface({ input: child.stderr }).on('line', (line) => child.errors.push(line));
    child.said = (start) =>
      until(`${words[0]} says "${start}"`, () => {
        assert.equal(child.exitCode, null, `${words[0]} ended: ${child.errors.join('\n')}`);
        return child.lines.find((line) => line.startsWith(start))?.slice(start.length);
      });
    return child;
  }

  /** A connection that is upgraded and then says nothing. */
  async socket(url) {
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname);
    this.sockets.push(socket);
    socket.on('error', () => {});
    const key = randomBytes(16).toString('base64');
    const head = `GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`;
    socket.write(`${head}Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    const [answer] = await once(socket, 'data');
    assert.match(answer.toString('latin1'), /^HTTP\/1\.1 101 /);
    socket.resume();
    return socket;
  }

  /** A page of a browser of its own; what it writes on its console is kept. */
  async page(url, options = {}) {
    this.browser ??= await chromium.launch({ executablePath: this.executablePath, args: FLAGS });
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) =>
      this.console.push(`${message.type()}: ${message.text()} ${message.location().url}`),
    );
    // Both pages are whole: nothing comes from elsewhere.
    page.on(
      'request',
      (request) =>
        request.url().startsWith('data:') ||
        new URL(request.url()).host === new URL(url).host ||
        this.console.push(`outside: ${request.url()}`),
    );
    page.on('pageerror', (error) => this.console.push(`error: ${error.stack}`));
    await page.goto(url);
    return page;
  }

  /** What axe knows to be wrong for those who see, hear or point otherwise: nothing. */
  async sound(page) {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document));
    assert.deepEqual(
      violations.map(({ id, help, nodes }) => [id, help, nodes.map((node) => node.html.slice(0, 200))]),
      [],
    );
  }

  /** The case breaks something on purpose: the browser may complain like this. */
  expect(complaint) {
    this.expected.push(complaint);
  }

  /** Ends everything; the console must have stayed empty. */
  async end() {
    await this.browser?.close();
    for (const socket of this.sockets) socket.destroy();
    for (const child of this.processes) child.kill('SIGKILL');
    const said = this.console.filter((line) => !this.expected.some((complaint) => complaint.test(line)));
    assert.deepEqual(said, [], 'on the console');
  }
}

/** Waits until `holds` gives something, and returns that. */
async function until(what, holds) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await holds();
    if (found) return found;
    assert.ok(Date.now() < end, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until an element has a text that matches. */
async function shows(page, selector, pattern) {
  let text;
  const holds = async () =>
    pattern.test((text = (await page.locator(selector).innerText()).replace(/\u00ad/g, '')));
  try {
    await until('', holds);
  } catch {
    assert.fail(`${selector} shows "${text}", not ${pattern}`);
  }
  return text;
}

module.exports = { Stage, shows, until };
