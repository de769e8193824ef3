// Expected × observed of a step: rows are clients, columns are servers, as in a truth table. A
// square stands for the ways in which the two were probed, and shows the worst of them.

import { type Cells, probeName, type Result, resultNames, type Step, type Verdict, worst } from "./cells";
import { el } from "./dom";

/** Square is what was seen between a client and a server, by one probe. */
export interface Square {
  client: string;
  server: string;
  cells: number[];
  want: Verdict | "mixed";
  result: Result;
}

/** Matrix is the squares of probes whose pictures are the same. */
export interface Matrix {
  probes: string[];
  clients: string[];
  servers: string[];
  squares: Map<string, Square>; // by "client server"; of several probes, the cells of all
}

const glyphs: Record<Square["want"], string> = { Allow: "•", Deny: "×", Undefined: "–", mixed: "±" };
const wrongGlyphs: Partial<Record<Result, string>> = { leak: "▲", outage: "▼", inconclusive: "?" };

/** matrices puts the cells of a step that match into as few matrices as tell all. */
export function matrices(cells: Cells, step: Step, match: (i: number) => boolean): Matrix[] {
  const byProbe = new Map<string, Map<string, number[]>>();
  for (let i = step.first; i < step.first + step.cells; i++) {
    if (!match(i)) continue;
    const probe = probeName(cells.kind(i));
    const pair = `${cells.client(i)} ${cells.server(i)}`;
    if (!byProbe.has(probe)) byProbe.set(probe, new Map());
    const pairs = byProbe.get(probe)!;
    if (!pairs.has(pair)) pairs.set(pair, []);
    pairs.get(pair)!.push(i);
  }
  const shared = new Map<string, Matrix>();
  for (const probe of [...byProbe.keys()].sort()) {
    const squares = new Map([...byProbe.get(probe)!].map(([pair, of]) => [pair, square(cells, pair, of)]));
    const picture = [...squares.values()].map((s) => `${s.client} ${s.server} ${s.want} ${s.result}`).sort().join("\n");
    const before = shared.get(picture);
    if (before) {
      before.probes.push(probe);
      for (const [pair, s] of squares) before.squares.get(pair)!.cells.push(...s.cells);
      continue;
    }
    const names = (of: (s: Square) => string) => [...new Set([...squares.values()].map(of))].sort();
    shared.set(picture, { probes: [probe], clients: names((s) => s.client), servers: names((s) => s.server), squares });
  }
  return [...shared.values()];
}

function square(cells: Cells, pair: string, of: number[]): Square {
  const [client, server] = pair.split(" ");
  const fates = of.map((i) => cells.fate(i));
  const wants = new Set(fates.map((f) => f.want));
  const result = worst.find((r) => fates.some((f) => f.result === r)) ?? "skipped";
  return { client, server, cells: of, want: wants.size === 1 ? fates[0].want : "mixed", result };
}

/** says is a square in words. */
export function says(s: Square): string {
  const want = s.want === "mixed" ? "allow and deny expected" : s.want === "Undefined" ? "undefined by the API" : `${s.want.toLowerCase()} expected`;
  return `${s.client} to ${s.server}: ${want}, ${resultNames[s.result]}, ${s.cells.length} ${s.cells.length === 1 ? "cell" : "cells"}`;
}

/** matrixTable draws a matrix. Arrow keys move in it, and Enter chooses. */
export function matrixTable(m: Matrix, choose: (s: Square, node: HTMLElement) => void): HTMLElement {
  const groups = runsOf(m.servers.map(group));
  const long = m.servers.some((s) => short(s).length > 3);
  const table = el(
    "table",
    { class: `matrix${long ? " long" : ""}`, role: "grid", "aria-label": `Matrix of ${m.probes.join(", ")}` },
    el(
      "thead",
      {},
      el("tr", {}, el("td", {}), ...groups.map(([name, n]) => el("th", { colspan: n, scope: "colgroup", class: "group" }, name))),
      el("tr", {}, el("td", { class: "corner" }, ""), ...m.servers.map((s, i) => el("th", { scope: "col", class: begins(m.servers, i) ? "edge" : undefined }, el("span", {}, short(s))))),
    ),
  );
  const body = el("tbody");
  const nodes: (HTMLElement | undefined)[][] = [];
  for (const [r, client] of m.clients.entries()) {
    const row = el("tr", { class: begins(m.clients, r) ? "edge" : undefined }, el("th", { scope: "row" }, client));
    nodes.push([]);
    for (const [c, server] of m.servers.entries()) {
      const edge = begins(m.servers, c) ? " edge" : "";
      const s = m.squares.get(`${client} ${server}`);
      const node = s ? squareNode(s, edge) : el("td", { class: `blank${edge}` });
      if (s) node.addEventListener("click", () => pick(r, c));
      nodes[r].push(s ? node : undefined);
      row.append(node);
    }
    body.append(row);
  }
  table.append(body);
  const pick = (r: number, c: number) => {
    const node = nodes[r][c]!;
    focus(r, c);
    choose(m.squares.get(`${m.clients[r]} ${m.servers[c]}`)!, node);
  };
  const focus = (r: number, c: number) => {
    table.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    nodes[r][c]!.setAttribute("tabindex", "0");
    nodes[r][c]!.focus();
  };
  const first = nodes.flat().find(Boolean);
  first?.setAttribute("tabindex", "0");
  table.addEventListener("keydown", (e) => {
    const [r, c] = placeOf(nodes, e.target as HTMLElement);
    if (r < 0) return;
    if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      pick(r, c);
      return;
    }
    const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[e.key];
    if (!by) return;
    e.preventDefault();
    for (let i = r + by[0], j = c + by[1]; nodes[i] && j >= 0 && j < nodes[i].length; i += by[0], j += by[1]) {
      if (!nodes[i][j]) continue;
      focus(i, j);
      return;
    }
  });
  return table;
}

function placeOf(nodes: (HTMLElement | undefined)[][], node: HTMLElement): [number, number] {
  for (const [r, row] of nodes.entries()) {
    const c = row.indexOf(node);
    if (c >= 0) return [r, c];
  }
  return [-1, -1];
}

function squareNode(s: Square, edge: string): HTMLElement {
  const words = says(s);
  return el("td", { class: `square ${s.result} ${s.want}${edge}`, tabindex: "-1", role: "gridcell", "aria-label": words, title: words }, wrongGlyphs[s.result] ?? glyphs[s.want]);
}

function group(key: string): string {
  return key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
}

/** begins says whether a name is the first of a group that is not the first. */
function begins(names: string[], i: number): boolean {
  return i > 0 && group(names[i - 1]) !== group(names[i]);
}

function short(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}

function runsOf(names: string[]): [string, number][] {
  const out: [string, number][] = [];
  for (const name of names) {
    const last = out.at(-1);
    if (last?.[0] === name) last[1]++;
    else out.push([name, 1]);
  }
  return out;
}

/** legend says what squares mean. */
export function legend(): HTMLElement {
  const sample = (result: Result, want: Square["want"], text: string) =>
    el("span", { class: "key" }, el("span", { class: `square ${result} ${want}`, "aria-hidden": "true" }, wrongGlyphs[result] ?? glyphs[want]), text);
  return el(
    "p",
    { class: "legend" },
    sample("right", "Allow", "allowed, and right"),
    sample("right", "Deny", "denied, and right"),
    sample("leak", "Deny", "leak: let through"),
    sample("outage", "Allow", "outage: blocked"),
    sample("inconclusive", "Deny", "inconclusive"),
    sample("observed", "Undefined", "undefined by the API"),
  );
}
