// A case: its sentence of the specification, its steps, their matrices, and the cells of a square.

import { type Case, type Cells, isWrong, probeName, resultNames, type Step, worst } from "./cells";
import { el } from "./dom";
import { few, quantity } from "./format";
import { type Square, legend, matrices, matrixTable, says } from "./matrix";
import { timeline } from "./timeline";

/** caseDetail is all of a case that matches. */
export function caseDetail(cells: Cells, c: Case, match: (i: number) => boolean): HTMLElement {
  const node = el(
    "article",
    { class: "case-detail", "aria-label": `Case ${c.name}` },
    el("h3", {}, c.name, " ", el("span", { class: `outcome ${c.outcome}` }, c.outcome)),
    c.title ? el("p", { class: "title" }, c.title) : null,
    c.spec ? el("blockquote", {}, c.spec.split(/\s+/).join(" ")) : null,
    el("p", { class: "note" }, [...(c.features ?? []), `${few(c.seconds)} s`].join(" · ")),
    c.reason && c.steps.length === 0 ? el("p", {}, c.reason) : null,
  );
  const wrong = c.steps.findIndex((s) => s.outcome !== "Pass");
  const open = wrong >= 0 ? wrong : 0;
  c.steps.forEach((s, i) => node.append(stepDetail(cells, s, i, i === open || s.outcome !== "Pass", match)));
  if (c.steps.length > 0) node.append(legend());
  return node;
}

function stepDetail(cells: Cells, s: Step, i: number, open: boolean, match: (i: number) => boolean): HTMLElement {
  const summary = el(
    "summary",
    {},
    el("span", { class: "stepname" }, `${i + 1}. ${s.name}`),
    " ",
    el("span", { class: `outcome ${s.outcome}` }, s.outcome),
    el("span", { class: "numbers" }, ` ${s.cells} cells, answered after ${quantity(s.ack, "ms")}, watched for ${quantity(s.ms, "ms")}`),
  );
  const node = el("details", { class: "step", open }, summary);
  let filled = false;
  const fill = () => {
    if (filled) return;
    filled = true;
    if (s.reason) node.append(el("p", { class: "reason" }, s.reason));
    node.append(stepMatrices(cells, s, match));
  };
  if (open) fill();
  node.addEventListener("toggle", () => node.open && fill());
  return node;
}

function stepMatrices(cells: Cells, s: Step, match: (i: number) => boolean): HTMLElement {
  const all = matrices(cells, s, match);
  const box = el("div", { class: "matrices" });
  if (all.length === 0) return el("p", { class: "note" }, s.cells > 0 ? "No cell of this step is left by the filter." : "No cell of this step was judged.");
  const place = el("div", { class: "chosen", "aria-live": "polite" });
  let picked: HTMLElement | undefined;
  const choose = (square: Square, node: HTMLElement) => {
    picked?.removeAttribute("aria-selected");
    node.setAttribute("aria-selected", "true");
    picked = node;
    place.replaceChildren(squareDetail(cells, s, square));
  };
  for (const m of all) {
    box.append(el("figure", { class: "matrixbox" }, el("figcaption", {}, m.probes.join(", ")), el("div", { class: "scroll" }, matrixTable(m, choose))));
  }
  const wrong = all.flatMap((m) => [...m.squares.values()]).find((q) => isWrong(q.result) || q.result === "inconclusive");
  place.append(wrong ? squareDetail(cells, s, wrong) : el("p", { class: "note" }, "Choose a square to see its cells, and the course of each."));
  return el("div", {}, box, place);
}

const mostCells = 12;

/** squareDetail is each cell of a square: what was wanted, what was seen, and when. */
function squareDetail(cells: Cells, step: Step, square: Square): HTMLElement {
  const node = el("div", { class: "square-detail" }, el("h4", {}, says(square)));
  const badness = (i: number) => worst.indexOf(cells.fate(i).result);
  const order = [...square.cells].sort((a, b) => badness(a) - badness(b));
  for (const i of order.slice(0, mostCells)) node.append(cellDetail(cells, step, i));
  if (order.length > mostCells) node.append(el("p", { class: "note" }, `and ${order.length - mostCells} more, all in records.jsonl`));
  return node;
}

function cellDetail(cells: Cells, step: Step, i: number): HTMLElement {
  const k = cells.kind(i);
  const f = cells.fate(i);
  const line = (name: string, text: string | null | undefined) => (text ? [el("dt", {}, name), el("dd", {}, text)] : []);
  const times = f.changed ? `first right ${quantity(cells.firstRight(i), "ms")}, stable ${quantity(cells.stable(i), "ms")}, resolution ${quantity(cells.resolution(i), "ms")}` : "";
  return el(
    "section",
    { class: `cell ${f.result}`, "aria-label": `${probeName(k)} ${k.family} by ${k.path}` },
    el("h5", {}, `${probeName(k)} ${k.family} by ${k.path} `, el("span", { class: `result ${f.result}` }, resultNames[f.result])),
    el(
      "dl",
      {},
      ...line("Expected", f.want === "Undefined" ? "undefined by the API" : f.want.toLowerCase() + (f.changed ? ", changed by this step" : ", as before")),
      ...line("Seen", [f.seen && f.seen.toLowerCase(), f.observed && `observed: ${f.observed}`, `${cells.probes(i)} conclusive probes`, cells.flips(i) > 0 && `${cells.flips(i)} flips`].filter(Boolean).join(", ")),
      ...line("Times", times),
      ...line("Why", cells.reason(i)),
      ...line("Evidence", cells.evidence(i)),
      ...line("Wanted because", cells.because(i)),
    ),
    timeline(cells, step, i),
  );
}
