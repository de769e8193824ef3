// The controls of the filter.

import { el } from "./dom";
import { type Choices, type Filter, none } from "./filter";

/** filterControls gives the controls; each change calls back with the whole filter. */
export function filterControls(all: Choices, changed: (f: Filter) => void): { node: HTMLElement; say: (text: string) => void; clear: () => void } {
  const filter: Filter = { ...none };
  const search = el("input", { type: "search", id: "filter-text", placeholder: "name or words", autocomplete: "off", spellcheck: "false" });
  search.addEventListener("input", () => {
    filter.text = search.value;
    changed(filter);
  });
  const selects: HTMLSelectElement[] = [];
  const pick = (key: keyof Filter, label: string, values: [string, string][]) => {
    const select = el("select", { id: `filter-${key}` }, el("option", { value: "" }, "all"), ...values.map(([value, text]) => el("option", { value }, text)));
    select.addEventListener("change", () => {
      filter[key] = select.value;
      changed(filter);
    });
    selects.push(select);
    return field(label, select);
  };
  const same = (values: string[]) => values.map((v): [string, string] => [v, v]);
  const status = el("p", { class: "found", role: "status" });
  const clearing = el("button", { type: "button", class: "button" }, "Clear");
  const clear = () => {
    Object.assign(filter, none);
    search.value = "";
    for (const s of selects) s.value = "";
    changed(filter);
  };
  clearing.addEventListener("click", clear);
  const node = el(
    "form",
    { class: "filters", "aria-label": "Filter", role: "search" },
    field("Case", search),
    pick("outcome", "Outcome", all.outcome),
    pick("feature", "Feature", same(all.feature)),
    pick("family", "Family", same(all.family)),
    pick("protocol", "Protocol", same(all.protocol)),
    pick("path", "Path", same(all.path)),
    clearing,
    status,
  );
  node.addEventListener("submit", (e) => e.preventDefault());
  return { node, say: (text) => (status.textContent = text), clear };
}

/** field is a control with its label. */
export function field(label: string, control: HTMLElement): HTMLElement {
  return el("label", { class: "field", for: control.id }, el("span", {}, label), control);
}
