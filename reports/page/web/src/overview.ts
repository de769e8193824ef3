// All cases at a glance: a square for each, by area. What a filter leaves out is faint.

import type { Case, Cells } from "./cells";
import { el, svg } from "./dom";
import type { Found } from "./filter";

const size = 11;
const step = 13;

/** overview gives the squares; the list of cases says the same to those who can't see them. */
export function overview(cells: Cells, choose: (c: Case) => void): { node: HTMLElement; show: (found: Found[]) => void } {
  const squares = new Map<Case, SVGElement>();
  const areas = new Map<string, Case[]>();
  for (const c of cells.cases) areas.set(c.area, [...(areas.get(c.area) ?? []), c]);
  const node = el("div", { class: "overview", "aria-hidden": "true" });
  for (const [area, all] of [...areas].sort((a, b) => b[1].length - a[1].length)) {
    const columns = Math.max(Math.ceil(all.length / 6), Math.min(all.length, 6));
    const rows = Math.ceil(all.length / columns);
    const picture = svg("svg", { width: columns * step, height: rows * step, focusable: "false" });
    all.forEach((c, i) => {
      const square = svg("rect", { class: `case ${c.outcome}`, x: (i % columns) * step, y: Math.floor(i / columns) * step, width: size, height: size, rx: 2 }, svg("title", {}, `${c.name}: ${c.outcome}`));
      square.addEventListener("click", () => choose(c));
      squares.set(c, square);
      picture.append(square);
    });
    node.append(el("figure", { class: "area" }, el("figcaption", {}, area), picture));
  }
  const show = (found: Found[]) => {
    const left = new Set(found.map((f) => f.of));
    for (const [c, square] of squares) square.classList.toggle("out", !left.has(c));
  };
  return { node, show };
}
