// What a page does when it is opened. It is whole without: tables are there before any of this.

import { drawCharts } from "./chart";
import { el, must } from "./dom";
import { explore } from "./explorer";
import { unpack } from "./payload";
import { startPrint } from "./print";
import { filterTables } from "./rowfilter";
import { startTheme } from "./theme";
import { compare } from "./versus";

function copyButtons(): void {
  for (const box of document.querySelectorAll<HTMLElement>("div.code")) {
    const text = box.querySelector("code")?.textContent ?? "";
    const button = el("button", { type: "button", class: "button" }, "Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text).then(
        () => (button.textContent = "Copied"),
        () => (button.textContent = "Not allowed"),
      );
    });
    box.append(button);
  }
}

async function open(): Promise<void> {
  must("#tools").append(startTheme());
  copyButtons();
  startPrint();
  const payload = await unpack(must("#data").textContent ?? "");
  drawCharts(payload.charts);
  explore(payload);
  compare(payload);
  filterTables();
  document.documentElement.dataset.ready = "true";
}

void open();
