// The matrix of cells, with what can be asked of it.

import type { Payload } from "./payload";

export function explore(payload: Payload): void {
  if (!payload.cells) return;
}
