// What a page does before it is printed, and undoes after: nothing is folded on paper.

/** startPrint unfolds what is folded as long as the page is printed. */
export function startPrint(): void {
  let folded: HTMLDetailsElement[] = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll<HTMLDetailsElement>("details:not([open])")];
    for (const d of folded) {
      d.open = true;
      d.dispatchEvent(new Event("toggle")); // at once, for those that fill themselves then
    }
  });
  window.addEventListener("afterprint", () => {
    for (const d of folded) d.open = false;
    folded = [];
  });
}
