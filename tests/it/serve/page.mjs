// Uses the page in a headless Chromium, at 375 px and wide; prints what was read, one line each.
//
// page.mjs NODE_MODULES ADDRESS TOKEN_FILE ADMIN_KEY SCREENSHOTS

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, address, file, key, screenshots] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "page.mjs"))("playwright-core");
const executablePath = process.env.MINTAGE_TEST_CHROMIUM || "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const token = readFileSync(file, "utf8").trim();
try {
  for (const width of [375, 1280]) {
    const page = await browser.newPage({ viewport: { width, height: 900 } });
    const complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => request.url().startsWith(`http://${address}/`) || /^(data|blob):/.test(request.url())
      || complaints.push(`asked for ${request.url()}`));
    await page.goto(`http://${address}/`);
    const text = page.getByLabel("Text of the document");
    const status = page.locator("#answer");
    const settled = async (word) => (await status.getByText(word).first().waitFor(), status);

    await text.fill(token);
    await page.getByRole("button", { name: "Verify" }).click();
    await settled("Valid, ACTIVE");
    console.log(width, "verify", await status.locator(".answer").innerText());
    await page.screenshot({ path: join(screenshots, `verify-${width}.png`), fullPage: true });

    await page.getByLabel("Tenant it should be for").fill("globex");
    await page.getByRole("button", { name: "Verify" }).click();
    await settled("Refused");
    console.log(width, "refused", await status.locator("li strong").allInnerTexts());

    await page.getByRole("button", { name: "Inspect" }).click();
    await settled("NOT VERIFIED");
    console.log(width, "inspect", await status.locator("dd").first().innerText());

    // A hostile label is text, and nothing but text.
    console.log(width, "elements of a hostile label", await page.locator("#answer img, #answer script").count());

    const handle = await page.evaluateHandle((dropped) => {
      const data = new DataTransfer();
      data.items.add(new File([dropped], "dropped.lic"));
      return data;
    }, "dropped text");
    await text.dispatchEvent("drop", { dataTransfer: handle });
    await page.waitForFunction(() => document.getElementById("document").value === "dropped text");
    console.log(width, "drop", await text.inputValue());

    await page.getByLabel("Admin key").fill("a wrong key that is long");
    await page.getByRole("button", { name: "Open the book" }).click();
    await page.locator("#book .answer").waitFor();
    console.log(width, "wrong key", await page.locator("#book .answer").innerText());
    if (key !== "") {
      await page.getByLabel("Admin key").fill(key);
      await page.getByRole("button", { name: "Open the book" }).click();
      await page.locator("#book caption").last().waitFor();
      console.log(width, "book", (await page.locator("#book caption").allInnerTexts()).join(", "));
      const rows = (caption) => page.locator("#book table", { hasText: caption }).locator("tbody tr").allInnerTexts();
      console.log(width, "seats", (await rows("Seats held")).map((row) => row.split(/\s+/).slice(0, 2).join(" ")).join(", "));
      console.log(width, "limits", (await rows("Limits that hold here")).join(", ").replace(/\s+/g, " "));
      console.log(width, "audit", (await rows("Audit")).map((row) => row.split("\t")[2]).join(", "));
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Report as CSV" }).click();
      const report = readFileSync(await (await download).path(), "utf8");
      console.log(width, "report", (await download).suggestedFilename(), report.split("\n")[0].trim());
      await page.screenshot({ path: join(screenshots, `book-${width}.png`), fullPage: true });
    }

    const measured = await page.evaluate(() => {
      const luminance = (color) => {
        const [r, g, b] = color.match(/\d+/g).map(Number).map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const solid = (element) => {
        for (; element; element = element.parentElement) {
          const color = getComputedStyle(element).backgroundColor;
          if (!/, 0\)$/.test(color)) return color;
        }
        return "rgb(255, 255, 255)";
      };
      const contrasts = [...document.querySelectorAll("h1, h2, p, label, button, dt, dd, li, td, th, caption, textarea, input")]
        .filter((element) => element.offsetParent && element.textContent.trim() !== "")
        .map((element) => {
          const [one, two] = [getComputedStyle(element).color, solid(element)].map(luminance);
          return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
        });
      const fields = [...document.querySelectorAll("textarea, input")];
      return {
        overflow: document.documentElement.scrollWidth > document.documentElement.clientWidth,
        unlabelled: fields.filter((field) => !field.labels.length && !field.getAttribute("aria-label")).length,
        enough: Math.min(...contrasts) >= 4.5,
        small: [...document.querySelectorAll("button")].filter((button) => button.offsetHeight < 44).length,
      };
    });
    console.log(width, "measured", JSON.stringify(measured));
    const stops = [];
    await page.goto(`http://${address}/`);
    for (let stop = 0; stop < 5; stop++) {
      await page.keyboard.press("Tab");
      stops.push(await page.evaluate(() => `${document.activeElement.id}${getComputedStyle(document.activeElement).outlineStyle === "none" ? " unseen" : ""}`));
    }
    console.log(width, "focus", stops.join(" "));
    const refused = (line) => !line.includes("401") && !line.includes("404");
    console.log(width, "complaints", JSON.stringify(complaints.filter(refused)));
    await page.close();
  }
} finally {
  await browser.close();
}
