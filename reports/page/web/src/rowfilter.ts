// A table of which readers want a part gets a search over each of its first columns. Without a
// script all rows are there.

import { el } from "./dom";
import { field } from "./filters";

/** filterTables puts controls above the tables that ask for them. */
export function filterTables(): void {
  document.querySelectorAll<HTMLTableElement>("table[data-filter]").forEach((table, n) => controls(table, n));
}

function controls(table: HTMLTableElement, n: number): void {
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, cells: [...row.cells].map((c) => (c.textContent ?? "").toLowerCase()) }));
  const status = el("p", { class: "found", role: "status" });
  const searches = [...table.tHead!.rows[0].cells].map((head, i) => {
    const name = head.textContent ?? "";
    return { name, input: el("input", { type: "search", id: `rows-${n}-${i}`, placeholder: "words", autocomplete: "off", spellcheck: "false" }) };
  });
  const apply = () => {
    const asked = searches.map((s) => s.input.value.toLowerCase().split(/\s+/).filter(Boolean));
    let left = 0;
    for (const { row, cells } of rows) {
      row.hidden = !asked.every((words, i) => words.every((w) => cells[i].includes(w)));
      if (!row.hidden) left++;
    }
    status.textContent = `${left} of ${rows.length} rows`;
  };
  const form = el("form", { class: "filters", "aria-label": `Filter of ${table.dataset.filter}`, role: "search" }, ...searches.map((s) => field(s.name, s.input)), status);
  form.addEventListener("submit", (e) => e.preventDefault());
  form.addEventListener("input", apply);
  table.parentElement!.before(form);
  apply();
}
