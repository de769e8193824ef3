// Light or dark: as the system says, until the reader says otherwise.

import { el } from "./dom";

const key = "netassay-theme";
const listeners: (() => void)[] = [];

/** onTheme calls back when colours have changed. */
export function onTheme(listener: () => void): void {
  listeners.push(listener);
}

/** colour is what a custom property of the theme is now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// A page that is opened from a file may have no storage.
function stored(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(theme: string): void {
  try {
    localStorage.setItem(key, theme);
  } catch {
    // It holds for this look at the page only.
  }
}

function apply(theme: string): void {
  document.documentElement.dataset.theme = theme;
  for (const listener of listeners) listener();
}

/** startTheme sets the theme and gives the button that changes it. */
export function startTheme(): HTMLElement {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const system = () => (dark.matches ? "dark" : "light");
  const button = el("button", { type: "button", class: "button" });
  const label = () => {
    button.textContent = document.documentElement.dataset.theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Use ${button.textContent.toLowerCase()} colours`);
  };
  onTheme(label);
  apply(stored() ?? system());
  dark.addEventListener("change", () => {
    if (!stored()) apply(system());
  });
  // Paper is light.
  let shown = "";
  window.addEventListener("beforeprint", () => {
    shown = document.documentElement.dataset.theme ?? system();
    apply("light");
  });
  window.addEventListener("afterprint", () => apply(shown));
  button.addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    store(next);
    apply(next);
  });
  return button;
}
