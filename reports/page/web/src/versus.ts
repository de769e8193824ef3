// Cases by engine: what became of each case with each of several engines.

import { el } from "./dom";
import { type Choices, type Filter, none } from "./filter";
import { filterControls } from "./filters";
import { count } from "./format";
import type { Payload, VersusCase, VersusHead, VersusSide } from "./payload";

type Result = "right" | "leak" | "outage" | "inconclusive" | "failed" | "skipped" | "absent";

const glyphs: Record<Result, string> = { right: "✓", leak: "▲", outage: "▼", inconclusive: "?", failed: "!", skipped: "–", absent: "" };
const words: Record<Result, string> = { right: "right", leak: "leak", outage: "outage", inconclusive: "inconclusive", failed: "failed", skipped: "not judged", absent: "nothing of this kind" };

/** Shown is a case and an engine as the filter lets them be seen. */
interface Shown {
  result: Result;
  wrong: number;
}

/** compare fills the part of the page that compares engines. */
export function compare(payload: Payload): void {
  const place = document.querySelector('[data-part="versus"]');
  if (!payload.versus || !place) return;
  const head = payload.versus;
  const body = el("tbody");
  const detail = el("div", { class: "case-detail", "aria-live": "polite", "aria-label": "The chosen case", role: "region", tabindex: "0" });
  const table = el(
    "table",
    { class: "versus" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Case"), ...head.engines.map((e) => el("th", { scope: "col" }, e)))),
    body,
  );
  const open = (c: VersusCase | undefined) => detail.replaceChildren(...(c ? caseDetail(head, c) : [el("p", { class: "note" }, "No case is left by the filter.")]));
  const refresh = (f: Filter) => {
    const kinds = head.kinds.map(([path, family, protocol]) => (!f.path || path === f.path) && (!f.family || family === f.family) && (!f.protocol || protocol === f.protocol));
    const byKind = Boolean(f.path || f.family || f.protocol);
    const left: { of: VersusCase; shown: Shown[] }[] = [];
    const search = f.text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const of of head.cases) {
      const text = `${of.name} ${of.title ?? ""}`.toLowerCase();
      if (!search.every((w) => text.includes(w)) || (f.feature && !of.features?.includes(f.feature))) continue;
      const shown = of.sides.map((s) => look(s, kinds, byKind));
      if (byKind && shown.every((s) => s.result === "absent")) continue;
      if (answers(f.outcome, shown)) left.push({ of, shown });
    }
    body.replaceChildren(...left.map(({ of, shown }) => row(head, of, shown, () => open(of))));
    open(left.find(({ shown }) => differ(shown))?.of ?? left[0]?.of);
    const differing = left.filter(({ shown }) => differ(shown)).length;
    controls.say(`${count(left.length)} of ${count(head.cases.length)} cases, ${count(differing)} not the same with all engines`);
  };
  const controls = filterControls(choices(head), refresh);
  place.append(controls.node, el("div", { class: "explorer" }, el("div", { class: "wide tall", tabindex: "0", role: "region", "aria-label": "Cases by engine" }, table), detail), legend());
  refresh(none);
}

/** look is what is left of a case with an engine, of cells of these kinds. */
function look(s: VersusSide | null, kinds: boolean[], byKind: boolean): Shown {
  if (!s) return { result: "absent", wrong: 0 };
  let [cells, leaks, outages, inconclusive] = [0, 0, 0, 0];
  for (const [kind, n, leak, outage, odd] of s.counts) {
    if (!kinds[kind]) continue;
    cells += n;
    leaks += leak;
    outages += outage;
    inconclusive += odd;
  }
  const wrong = leaks + outages;
  if (leaks > 0) return { result: "leak", wrong };
  if (outages > 0) return { result: "outage", wrong };
  if (byKind) return { result: inconclusive > 0 ? "inconclusive" : cells > 0 ? "right" : "absent", wrong };
  const byOutcome: Record<string, Result> = { Pass: "right", Fail: "failed", Skipped: "skipped", NotSupported: "skipped" };
  return { result: byOutcome[s.outcome] ?? "inconclusive", wrong };
}

/** differ says whether engines that judged a case came to different results. */
function differ(all: Shown[]): boolean {
  const judged = all.filter((s) => s.result !== "absent" && s.result !== "skipped");
  return judged.some((s) => s.result !== judged[0].result);
}

function answers(outcome: string, all: Shown[]): boolean {
  switch (outcome) {
    case "":
      return true;
    case "differ":
      return differ(all);
    default:
      return all.some((s) => s.result === outcome);
  }
}

function choices(head: VersusHead): Choices {
  const sorted = (all: Iterable<string>) => [...new Set(all)].sort();
  const outcome: [string, string][] = [["differ", "engines differ"], ["leak", "a leak"], ["outage", "an outage"], ["inconclusive", "inconclusive"], ["skipped", "not judged"]];
  return {
    feature: sorted(head.cases.flatMap((c) => c.features ?? [])),
    path: sorted(head.kinds.map((k) => k[0])),
    family: sorted(head.kinds.map((k) => k[1])),
    protocol: sorted(head.kinds.map((k) => k[2])),
    outcome,
  };
}

function row(head: VersusHead, c: VersusCase, shown: Shown[], open: () => void): HTMLElement {
  const name = el("button", { type: "button", class: "link" }, c.name);
  const node = el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    ...shown.map((s, i) => el("td", { title: `${head.engines[i]}: ${words[s.result]}` }, s.result === "absent" ? null : el("span", { class: `square ${s.result}`, role: "img", "aria-label": words[s.result] }, glyphs[s.result]), s.wrong > 0 ? ` ${count(s.wrong)}` : null)),
  );
  node.addEventListener("click", open);
  return node;
}

/** caseDetail is what each engine made of a case. */
function caseDetail(head: VersusHead, c: VersusCase): Node[] {
  return [
    el("h3", {}, c.name),
    c.title ? el("p", { class: "title" }, c.title) : "",
    el("p", { class: "note" }, (c.features ?? []).join(" · ")),
    ...c.sides.map((s, i) =>
      el(
        "section",
        { class: "cell" },
        el("h4", {}, head.engines[i], " ", el("span", { class: `outcome ${s?.outcome ?? "Unplayed"}` }, s?.outcome ?? "not played")),
        s?.reason ? el("p", { class: "reason" }, s.reason) : null,
        s?.first ? el("ul", { class: "runs" }, ...s.first.map((text) => el("li", {}, text))) : null,
      ),
    ),
  ].filter((n): n is HTMLElement => n !== "");
}

function legend(): HTMLElement {
  const key = (r: Result, text: string) => el("span", { class: "key" }, el("span", { class: `square ${r}`, "aria-hidden": "true" }, glyphs[r]), text);
  return el("p", { class: "legend" }, key("right", "all right"), key("leak", "leak, and how many cells are wrong"), key("outage", "outage"), key("failed", "failed otherwise"), key("inconclusive", "inconclusive"), key("skipped", "not supported, or skipped"));
}
