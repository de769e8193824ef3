// The list of cases, of which one is chosen. It is a listbox: arrows move, letters don't.

import type { Case } from "./cells";
import { el } from "./dom";
import type { Found } from "./filter";
import { count } from "./format";

export interface CaseList {
  node: HTMLElement;
  show: (found: Found[], chosen?: Case) => void;
  choose: (c: Case, focus: boolean) => void;
}

const most = 2000; // rows; nobody reads more, and a filter finds the rest

export function caseList(chosen: (c: Case) => void): CaseList {
  const node = el("ul", { class: "caselist", role: "listbox", "aria-label": "Cases", tabindex: "0" });
  let rows: { of: Case; row: HTMLElement }[] = [];
  let current: Case | undefined;

  const mark = (scroll: boolean) => {
    for (const { of, row } of rows) {
      const is = of === current;
      if ((row.getAttribute("aria-selected") === "true") !== is) row.setAttribute("aria-selected", String(is));
      if (!is) continue;
      node.setAttribute("aria-activedescendant", row.id);
      if (scroll) node.scrollTop = Math.min(Math.max(node.scrollTop, row.offsetTop + row.offsetHeight - node.clientHeight), row.offsetTop);
    }
  };
  const choose = (c: Case, focus: boolean) => {
    current = c;
    mark(true);
    if (focus) node.focus();
    chosen(c);
  };
  node.addEventListener("keydown", (e) => {
    const at = rows.findIndex(({ of }) => of === current);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1, PageDown: at + 12, PageUp: at - 12 }[e.key];
    if (to === undefined || rows.length === 0) return;
    e.preventDefault();
    choose(rows[Math.min(Math.max(to, 0), rows.length - 1)].of, false);
  });
  node.addEventListener("click", (e) => {
    const row = (e.target as Element).closest("li");
    const found = rows.find((r) => r.row === row);
    if (found) choose(found.of, false);
  });

  const show = (found: Found[], keep?: Case) => {
    rows = found.slice(0, most).map((f) => ({ of: f.of, row: item(f) }));
    current = keep;
    node.replaceChildren(...rows.map((r) => r.row));
    node.removeAttribute("aria-activedescendant");
    mark(true);
  };
  return { node, show, choose };
}

function item(f: Found): HTMLElement {
  const outcome = f.of.outcome;
  const numbers = f.wrong > 0 ? `${count(f.wrong)} wrong` : f.odd > 0 ? `${count(f.odd)} odd` : f.cells > 0 ? count(f.cells) : "";
  return el(
    "li",
    { role: "option", id: `case-${f.of.name}`, "aria-selected": "false" },
    el("span", { class: `dot ${outcome}`, role: "img", "aria-label": outcome }),
    el("span", { class: "name" }, f.of.name),
    el("span", { class: "numbers" }, numbers),
  );
}
