// The programs that the tests use: the exporter's demo and Chromium.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

// startDemo starts the demo on free ports and returns its URLs.
export async function startDemo() {
  const child = spawn(process.env.EXPORTER, ['demo', '--web.listen-address=127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    const status = /status: +(http:\S+)\n/.exec(output);
    const simulator = /simulator: +(http:\S+)\n/.exec(output);
    if (status && simulator) return { child, url: status[1], simulator: simulator[1] };
  }
  throw new Error(`the demo ended: ${output}`);
}

// untilJSON polls the status until it is as wanted, at most a minute.
export async function untilJSON(url, wanted) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    if (wanted(await (await fetch(`${url}api/v1/status`)).json())) return;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  throw new Error('the status did not become as wanted within a minute');
}

// startBrowser starts Chromium with a new profile and without anything that needs a network.
export async function startBrowser() {
  const profile = await mkdtemp(path.join(tmpdir(), 'status-page-'));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, userDataDir: profile,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  browser.profile = profile;
  return browser;
}

// stop ends both, also if one of them did not start.
export async function stop(browser, demo) {
  if (browser) {
    await browser.close();
    await rm(browser.profile, { recursive: true, force: true });
  }
  demo?.child.kill('SIGTERM');
}
