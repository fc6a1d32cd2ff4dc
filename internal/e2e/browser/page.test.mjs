// Tests of the status page in a browser: the demo of the real binary in Chromium.
//
//   npm ci --ignore-scripts && EXPORTER=../../../bin/guardduty_coverage_exporter node --test
//
// PICTURES is a directory for pictures of the page, none by default.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { HtmlValidate } from 'html-validate';
import { startBrowser, startDemo, stop, untilJSON } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const hostile = {
  cluster_name: '<script>document.title="pwned"</script>',
  issue: 'Agent exited: Reason: "><img src=x onerror=alert(1)>\u202e for tasks in TaskDefinition - \'web:1\'',
};

let demo, browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
  const put = await fetch(`${demo.simulator}/simulator/clusters`, {
    method: 'PUT',
    body: JSON.stringify({ account_id: '222233334444', region: 'us-east-1', coverage_status: 'UNHEALTHY', ...hostile }),
  });
  assert.equal(put.status, 204, await put.text());
  await untilJSON(demo.url, (s) => s.ready && s.ecs_accounts.length > 10 && s.unlisted_clusters.matched > 0 &&
    s.unhealthy_clusters.rows.some((c) => c.cluster_name === hostile.cluster_name));
});

after(() => stop(browser, demo));

// open opens the page, and checks at the end of the test that nothing went wrong on it.
async function open(t, { path = '', width = 1600, scheme = 'light', script = true } = {}) {
  const page = await browser.newPage();
  const problems = [];
  page.on('console', (m) => problems.push(`console: ${m.text()}`));
  page.on('pageerror', (e) => problems.push(`error: ${e}`));
  page.on('dialog', (d) => { problems.push('dialog'); d.dismiss(); });
  page.on('request', (r) => { if (!r.url().startsWith(demo.url) && !r.url().startsWith('data:')) problems.push(`request: ${r.url()}`); });
  page.on('requestfailed', (r) => problems.push(`failed: ${r.url()}`));
  page.on('response', (r) => { if (r.status() >= 400) problems.push(`${r.status()}: ${r.url()}`); });
  await page.setJavaScriptEnabled(script);
  await page.setViewport({ width, height: width > 1000 ? 1000 : 800 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(demo.url + path);
  t.after(async () => {
    await page.close();
    assert.deepEqual(problems, []);
  });
  return page;
}

const names = (page) => page.$$eval('#unhealthy ~ ol h3', (all) => all.map((h) => h.textContent));

test('hostile names and texts stay text', async (t) => {
  const page = await open(t);
  assert.ok((await names(page)).includes(hostile.cluster_name));
  const text = await page.$eval('main', (main) => main.textContent);
  assert.ok(text.includes('<img src=x onerror=alert('), 'the text of the issue is not shown');
  assert.ok(!text.includes('\u202e'), 'a bidirectional control character is on the page');
  assert.deepEqual(await page.$$eval('script, img, iframe, object, [onerror], [style]', (all) => all.map((e) => e.outerHTML)), []);
  assert.match(await page.title(), /^\d+ of \d+ covered/);
});

test('the form filters and sorts, without JavaScript too', async (t) => {
  for (const script of [true, false]) {
    const page = await open(t, { script });
    const all = await names(page);
    await page.type('input[name=account_id]', 'shop');
    await page.select('select[name=region]', 'us-east-1');
    await page.select('select[name=sort]', 'newest');
    await Promise.all([page.waitForNavigation(), page.click('form button')]);
    const places = await page.$$eval('#unhealthy ~ ol .name p', (some) => some.map((p) => p.textContent));
    assert.ok(places.length > 0 && places.length < all.length, `${places.length} of ${all.length}`);
    for (const place of places) assert.match(place, /^shop 333344445555 us-east-1$/);
    assert.equal(await page.$eval('input[name=account_id]', (input) => input.getAttribute('value')), 'shop');
    await Promise.all([page.waitForNavigation(), page.click('.buttons a')]);
    assert.ok((await names(page)).length > places.length);

    for (const [sort, direction] of [['since', 1], ['newest', -1]]) {
      await page.select('select[name=sort]', sort);
      await Promise.all([page.waitForNavigation(), page.click('form button')]);
      const since = await page.$$eval('#unhealthy ~ ol .since time', (some) => some.map((e) => Date.parse(e.getAttribute('datetime'))));
      assert.ok(since.length > 5);
      assert.deepEqual(since, [...since].sort((a, b) => direction * (a - b)), sort);
    }
  }
});

test('a cell leads to the clusters of its account and Region', async (t) => {
  const page = await open(t);
  await Promise.all([page.waitForNavigation(), page.click('td.middle a, td.low a')]);
  const { searchParams } = new URL(page.url());
  const places = await page.$$eval('#unhealthy ~ ol .name p', (some) => some.map((p) => p.textContent));
  assert.ok(places.length > 0);
  for (const place of places) assert.ok(place.endsWith(`${searchParams.get('account_id')} ${searchParams.get('region')}`), place);
});

test('with the keyboard a fix opens, and a click selects the whole command', async (t) => {
  const page = await open(t, { path: '?cause=deployment_older_than_monitoring' });
  const summary = await page.waitForSelector('#unhealthy ~ ol summary');
  await summary.focus();
  await page.keyboard.press('Enter');
  const command = await page.waitForSelector('#unhealthy ~ ol details[open] pre', { visible: true });
  await command.click();
  const [selected, text] = await command.evaluate((pre) => [getSelection().toString().trim(), pre.textContent.trim()]);
  assert.match(text, /^aws ecs update-service --force-new-deployment --region \S+ --cluster \S+ --service \S+/);
  assert.equal(selected, text);
});

for (const width of [1600, 400]) {
  for (const scheme of ['light', 'dark']) {
    test(`accessible at ${width} pixels, ${scheme}`, async (t) => {
      const page = await open(t, { width, scheme });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, 'the page is wider than the screen');
      if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/status-${width}-${scheme}.png` });
      await page.$$eval('details', (all) => all.forEach((d) => { d.open = true; }));
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => window.axe.run());
      assert.ok(passes.length > 10);
      assert.deepEqual(violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join('\n')}`), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, 'the page is wider than the screen with all details');
    });
  }
}

test('the HTML is valid', async () => {
  const validator = new HtmlValidate({ extends: ['html-validate:recommended'] });
  for (const query of ['', '?region=eu-west-1', '?cluster_name=no-such-cluster']) {
    const { results } = await validator.validateString(await (await fetch(demo.url + query)).text());
    assert.deepEqual(results.flatMap((r) => r.messages.map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`)), []);
  }
});
