// SPDX-License-Identifier: MIT
// browse.mjs - one page in Chromium, driven by a list of steps; prints what it saw as JSON.
//
//     node browse.mjs '{"url": "file:///…", "dark": false, "steps": [["click", "text"], …]}'
//
// Steps: ["key", "Enter"] ["type", "abc"] ["click", x, y] ["size", width, height] ["wait", "selector or expression"]
// ["eval", "expression"] (its value goes into "values").
import { chromium } from "playwright-core";

const plan = JSON.parse(process.argv[2]);
const browser = await chromium.launch({
  executablePath: process.env.PITVIPER_CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"],
});
const page = await browser.newPage({
  viewport: { width: 1200, height: 800 },
  colorScheme: plan.dark ? "dark" : "light",
  javaScriptEnabled: plan.scripts !== false,
});
const seen = { errors: [], requests: [], dialogs: [], values: [] };
page.on("pageerror", (error) => seen.errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
page.on("dialog", (dialog) => { seen.dialogs.push(dialog.message()); dialog.dismiss(); });
page.on("request", (request) => seen.requests.push(request.url()));
await page.goto(plan.url);
for (const [what, ...args] of plan.steps ?? []) {
  if (what === "key") await page.keyboard.press(args[0]);
  else if (what === "type") await page.keyboard.type(args[0]);
  else if (what === "click") await page.mouse.click(args[0], args[1]);
  else if (what === "size") await page.setViewportSize({ width: args[0], height: args[1] });
  else if (what === "wait") await page.waitForFunction(args[0], undefined, { timeout: 20000 });
  else if (what === "eval") seen.values.push(await page.evaluate(args[0]));
  else throw new Error("unknown step " + what);
  await page.waitForTimeout(120);
}
if (plan.screenshot) await page.screenshot({ path: plan.screenshot });
await browser.close();
console.log(JSON.stringify(seen));
