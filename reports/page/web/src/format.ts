// Numbers as people read them.

const sizes = ["B", "KiB", "MiB", "GiB"];

/** few is a number with three or so digits. */
export function few(v: number): string {
  const size = Math.abs(v);
  if (size >= 100 || v === 0 || Number.isInteger(v)) return v.toLocaleString("en", { maximumFractionDigits: 0 });
  return v.toLocaleString("en", { maximumSignificantDigits: 3 });
}

/** quantity is a number with its unit. */
export function quantity(v: number | null | undefined, unit?: string): string {
  if (v == null) return "–";
  if (unit === "B") {
    let i = 0;
    while (Math.abs(v) >= 1024 && i < sizes.length - 1) {
      v /= 1024;
      i++;
    }
    return `${few(v)} ${sizes[i]}`;
  }
  if (unit === "ms" && Math.abs(v) >= 10_000) return `${few(v / 1000)} s`;
  return unit ? `${few(v)} ${unit}` : few(v);
}

/** count is an integer with its thousands apart. */
export function count(n: number): string {
  return n.toLocaleString("en");
}
