// Takes the picture of the status page for the README: node picture.mjs FILE

import { startBrowser, startDemo, stop, untilJSON } from './harness.mjs';

const [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
try {
  await untilJSON(demo.url, (s) => s.ready && s.ecs_accounts.length > 10 && s.unlisted_clusters.matched > 0);
  const page = await browser.newPage();
  await page.setViewport({ width: 1200, height: 1440 });
  await page.goto(demo.url);
  await page.click('#unhealthy ~ ol li:nth-child(2) summary');
  await page.evaluate(() => { scrollTo(0, 0); document.activeElement.blur(); });
  await page.screenshot({ path: process.argv[2] });
} finally {
  await stop(browser, demo);
}
