// The cases and cells of a run, and what can be asked of them.

import { caseList } from "./caselist";
import { type Case, Cells } from "./cells";
import { caseDetail } from "./detail";
import { el } from "./dom";
import { choices, type Filter, find, matcher, none } from "./filter";
import { filterControls } from "./filters";
import { count } from "./format";
import { overview } from "./overview";
import type { Payload } from "./payload";

/** explore fills the parts of the page that show cells. */
export function explore(payload: Payload): void {
  const place = document.querySelector('[data-part="explorer"]');
  if (!payload.cells || !place) return;
  const cells = new Cells(payload.cells, payload.columns);
  const detail = el("div", { class: "detail" });
  let filter: Filter = none;
  let chosen: Case | undefined;

  const open = (c: Case | undefined) => {
    chosen = c;
    detail.replaceChildren(c ? caseDetail(cells, c, matcher(cells, filter)) : el("p", { class: "note" }, "No case is left by the filter."));
  };
  const list = caseList((c) => {
    open(c);
    try {
      history.replaceState(null, "", `#case=${encodeURIComponent(c.name)}`);
    } catch {
      // Some browsers let no page that is a file change its address.
    }
  });
  const squares = overview(cells, (c) => {
    list.choose(c, true);
    place.scrollIntoView({ block: "start" });
  });
  const refresh = () => {
    const found = find(cells, filter);
    if (!found.some((f) => f.of === chosen)) chosen = (found.find((f) => f.wrong > 0) ?? found.find((f) => f.odd > 0) ?? found[0])?.of;
    list.show(found, chosen);
    squares.show(found);
    open(chosen);
    const total = found.reduce((sum, f) => sum + f.cells, 0);
    const wrong = found.reduce((sum, f) => sum + f.wrong, 0);
    controls.say(`${count(found.length)} of ${count(cells.cases.length)} cases, ${count(total)} cells, ${count(wrong)} wrong`);
  };
  const controls = filterControls(choices(cells), (f) => {
    filter = { ...f };
    refresh();
  });
  document.querySelector('[data-part="overview"]')?.append(squares.node);
  place.append(controls.node, el("div", { class: "explorer" }, list.node, detail));

  const named = (hash: string) => {
    const name = /^#case=(.+)$/.exec(hash)?.[1];
    return name ? cells.cases.find((c) => c.name === decodeURIComponent(name)) : undefined;
  };
  const asked = named(location.hash);
  chosen = asked;
  refresh();
  if (asked && chosen === asked) place.scrollIntoView({ block: "start" });
  // A link to a case opens it, also one that the filter leaves out. The address may name it already.
  document.addEventListener("click", (e) => {
    const c = named((e.target as Element).closest("a")?.getAttribute("href") ?? "");
    if (!c) return;
    e.preventDefault();
    if (!find(cells, filter).some((f) => f.of === c)) controls.clear();
    list.choose(c, true);
    place.scrollIntoView({ block: "start" });
  });
}
