// Drives the page that exists where it is served: node drive-existing-page.mjs ADDRESS
// Prints what a person sees there. Exit 0 if all of it is right, 1 if not, 2 for wrong usage.
import { launch, missingBrowser } from './lib/browser.mjs';
import { driveExistingPage } from './lib/existing-page.mjs';

const [address, ...more] = process.argv.slice(2);
if (!URL.canParse(address) || more.length > 0) {
  console.error('usage: node drive-existing-page.mjs ADDRESS');
  process.exit(2);
}
const missing = missingBrowser();
if (missing) {
  console.error(missing);
  process.exit(1);
}

const say = (what, lines) => console.log(`== ${what}\n${lines.join('\n')}`);
const browser = await launch();
try {
  // A development server may build a function when it is first asked.
  await driveExistingPage(browser, address, { numbers: ['+12125550161', '+12125550162'], seconds: 120, say });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
