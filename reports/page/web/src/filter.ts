// What is asked of the cells, and which of them answer.

import { type Case, type Cells, isWrong, worst } from "./cells";

export interface Filter {
  text: string; // of a case's name or title
  feature: string;
  family: string;
  protocol: string;
  path: string;
  outcome: string; // of cells, or of cases that have none
}

export const none: Filter = { text: "", feature: "", family: "", protocol: "", path: "", outcome: "" };

/** Found is what a filter leaves of a case. */
export interface Found {
  of: Case;
  cells: number;
  wrong: number;
  odd: number;
}

/** matcher says quickly of each cell whether it is left. */
export function matcher(cells: Cells, f: Filter): (i: number) => boolean {
  const kinds = cells.kinds.map((k) => (!f.family || k.family === f.family) && (!f.protocol || k.protocol === f.protocol) && (!f.path || k.path === f.path));
  const fates = cells.fates.map((fate) => !f.outcome || fate.result === f.outcome || (f.outcome === "wrong" && isWrong(fate.result)));
  const { kindAt, fateAt } = cells;
  return (i) => kinds[kindAt[i]] && fates[fateAt[i]];
}

/** find is what the filter leaves, in the order of the cases. */
export function find(cells: Cells, f: Filter): Found[] {
  const match = matcher(cells, f);
  const wrong = cells.fates.map((fate) => isWrong(fate.result));
  const odd = cells.fates.map((fate) => fate.result === "inconclusive");
  const words = f.text.toLowerCase().split(/\s+/).filter(Boolean);
  const byCell = f.family || f.protocol || f.path || f.outcome;
  const out: Found[] = [];
  for (const of of cells.cases) {
    const text = `${of.name} ${of.title ?? ""}`.toLowerCase();
    if (f.feature && !of.features?.includes(f.feature)) continue;
    if (!words.every((w) => text.includes(w))) continue;
    const found: Found = { of, cells: 0, wrong: 0, odd: 0 };
    for (let i = of.first; i < of.end; i++) {
      if (!match(i)) continue;
      found.cells++;
      if (wrong[cells.fateAt[i]]) found.wrong++;
      else if (odd[cells.fateAt[i]]) found.odd++;
    }
    const bare = of.first === of.end && f.outcome && of.outcome === f.outcome;
    if (!byCell || found.cells > 0 || bare) out.push(found);
  }
  return out;
}

/** Choices are the values that each part of a filter can have. */
export interface Choices {
  feature: string[];
  family: string[];
  protocol: string[];
  path: string[];
  outcome: [value: string, text: string][];
}

/** choices are those of the cells of a run. */
export function choices(cells: Cells): Choices {
  const sorted = (all: Iterable<string>) => [...new Set(all)].sort();
  const results = new Set(cells.fates.map((f) => f.result));
  const outcome: [string, string][] = [];
  if ([...results].some(isWrong)) outcome.push(["wrong", "wrong"]);
  for (const r of worst) if (r !== "skipped" && results.has(r)) outcome.push([r, r === "observed" ? "undefined" : r]);
  const bare = new Set(cells.cases.filter((c) => c.first === c.end).map((c) => c.outcome));
  for (const o of ["Skipped", "NotSupported", "Unfinished", "Unplayed", "Error"]) if (bare.has(o)) outcome.push([o, `case: ${o}`]);
  return {
    feature: sorted(cells.cases.flatMap((c) => c.features ?? [])),
    family: sorted(cells.kinds.map((k) => k.family)),
    protocol: sorted(cells.kinds.map((k) => k.protocol)),
    path: sorted(cells.kinds.map((k) => k.path)),
    outcome,
  };
}
