// One cell's course: every probe of it that counts, on the time from the first write of the step to its end.

import type { Cells, Step } from "./cells";
import { el, svg } from "./dom";
import { few } from "./format";

/** Run is probes in a row that saw the same. */
export interface Run {
  count: number;
  proof: "right" | "wrong" | "none";
  seen: string;
  from: number; // ms from the ack, when the first was sent
  to: number; // and the last
}

const proofs: Record<string, Run["proof"]> = { "+": "right", "-": "wrong", "?": "none" };
const results: Record<string, string> = { c: "connected", d: "dropped", r: "refused", u: "unreachable", i: "inconclusive" };

/** parse reads a course, as "7-c@0..38 30+d@45..1200". */
export function parse(course: string): Run[] {
  const out: Run[] = [];
  for (const m of course.matchAll(/(\d+)([+\-?])([a-z])@(-?\d+)(?:\.\.(-?\d+))?/g)) {
    out.push({ count: Number(m[1]), proof: proofs[m[2]], seen: results[m[3]] ?? m[3], from: Number(m[4]), to: Number(m[5] ?? m[4]) });
  }
  return out;
}

const width = 1000;

/** timeline draws the course of a cell, and writes it as a table. */
export function timeline(cells: Cells, step: Step, i: number): HTMLElement {
  const runs = parse(cells.course(i));
  const from = -step.ack;
  const to = Math.max(step.ms - step.ack, 1);
  const x = (t: number) => Math.round((Math.min(Math.max((t - from) / (to - from), 0), 1) * width) * 10) / 10;
  const stable = cells.stable(i);
  const picture = svg("svg", { class: "timeline", viewBox: `0 0 ${width} 34`, preserveAspectRatio: "none", height: 34, "aria-hidden": "true", focusable: "false" });
  picture.append(svg("rect", { class: "ground", y: 9, width, height: 16 }));
  if (stable !== null) picture.append(svg("rect", { class: "hold", x: x(stable), y: 4, width: Math.max(x(stable + cells.hold) - x(stable), 2), height: 26 }, svg("title", {}, `held for ${few(cells.hold)} ms from ${few(stable)} ms on`)));
  for (const run of runs) picture.append(svg("rect", { class: `run ${run.proof}`, x: x(run.from), y: 9, width: Math.max(x(run.to) - x(run.from), 4), height: 16 }, svg("title", {}, words(run))));
  picture.append(svg("line", { class: "ack", x1: x(0), x2: x(0), y1: 0, y2: 34 }, svg("title", {}, "the API server's answer")));
  if (cells.deadline < to) picture.append(svg("line", { class: "deadline", x1: x(cells.deadline), x2: x(cells.deadline), y1: 0, y2: 34 }, svg("title", {}, "deadline")));
  return el(
    "div",
    { class: "course" },
    picture,
    el("div", { class: "scale", "aria-hidden": "true" }, el("span", {}, `first write, ${few(from)} ms`), el("span", {}, "│ answer of the API server   ▒ hold window"), el("span", {}, `end, ${few(to)} ms`)),
    runs.length === 0
      ? el("p", { class: "note" }, "The records of this run don't have the course of each cell.")
      : el("ol", { class: "runs" }, ...runs.map((r) => el("li", { class: r.proof }, words(r)))),
  );
}

function words(r: Run): string {
  const when = r.from === r.to ? `at ${few(r.from)} ms` : `from ${few(r.from)} to ${few(r.to)} ms`;
  const proof = { right: "right", wrong: "wrong", none: "proves nothing" }[r.proof];
  return `${r.count} × ${r.seen}, ${proof}, ${when}`;
}
