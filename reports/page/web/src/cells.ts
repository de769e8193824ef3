// The cells of a run, by index. A cell is a number; what is known of it is looked up.

import type { CaseHead, CellsHead, Column, Payload, StepHead } from "./payload";

export type Verdict = "Allow" | "Deny" | "Undefined";
export type Result = "right" | "leak" | "outage" | "inconclusive" | "observed" | "skipped";

export interface Kind {
  path: string;
  family: string;
  protocol: string;
  port: number;
  payload: number;
  form: string;
  flow: string;
}

export interface Fate {
  want: Verdict;
  seen: string;
  outcome: string;
  changed: boolean;
  asked: boolean;
  observed: string;
  result: Result;
}

export interface Step extends StepHead {
  first: number; // index of its first cell
}

export interface Case extends CaseHead {
  area: string;
  steps: Step[];
  first: number;
  end: number;
}

const bias = 2 ** 30;

function resultOf(outcome: string, failure: string): Result {
  switch (outcome) {
    case "Pass":
      return "right";
    case "Fail":
      return failure === "outage" ? "outage" : "leak";
    case "Skipped":
      return "observed";
    case "NotSupported":
      return "skipped";
    default:
      return "inconclusive";
  }
}

export class Cells {
  readonly n: number;
  readonly hold: number;
  readonly deadline: number;
  readonly cases: Case[];
  readonly kinds: Kind[];
  readonly fates: Fate[];
  private readonly names: string[];
  private readonly texts: string[];
  private readonly columns: Map<string, Column>;
  readonly kindAt: Column;
  readonly fateAt: Column;

  constructor(head: CellsHead, columns: Payload["columns"]) {
    this.n = head.n;
    this.hold = head.hold;
    this.deadline = head.deadline;
    this.names = head.names ?? [];
    this.texts = head.texts ?? [];
    this.columns = columns;
    this.kindAt = this.column("kind");
    this.fateAt = this.column("fate");
    this.kinds = (head.kinds ?? []).map(([path, family, protocol, port, payload, form, flow]) => ({ path, family, protocol, port, payload, form, flow }));
    this.fates = (head.fates ?? []).map(([want, seen, outcome, failure, changed, asked, observed]) => ({
      want: want as Verdict, seen, outcome, changed: changed === 1, asked: asked === 1, observed, result: resultOf(outcome, failure),
    }));
    let at = 0;
    this.cases = (head.cases ?? []).map((c) => {
      const first = at;
      const steps = (c.steps ?? []).map((s) => {
        const step = { ...s, first: at };
        at += s.cells;
        return step;
      });
      return { ...c, area: c.name.split("-")[0], steps, first, end: at };
    });
  }

  private column(name: string): Column {
    const found = this.columns.get(name);
    if (!found) throw new Error(`the page has no column ${name}`);
    return found;
  }

  private time(name: string, i: number): number | null {
    const v = this.column(name)[i];
    return v === 0 ? null : (v - bias) / 10;
  }

  client(i: number): string { return this.names[this.column("client")[i]]; }
  server(i: number): string { return this.names[this.column("server")[i]]; }
  kind(i: number): Kind { return this.kinds[this.kindAt[i]]; }
  fate(i: number): Fate { return this.fates[this.fateAt[i]]; }
  flips(i: number): number { return this.column("flips")[i]; }
  probes(i: number): number { return this.column("probes")[i]; }
  firstRight(i: number): number | null { return this.time("first", i); }
  stable(i: number): number | null { return this.time("stable", i); }
  resolution(i: number): number | null { return this.time("resolution", i); }
  reason(i: number): string { return this.texts[this.column("reason")[i]]; }
  because(i: number): string { return this.texts[this.column("because")[i]]; }
  evidence(i: number): string { return this.texts[this.column("evidence")[i]]; }
  course(i: number): string { return this.texts[this.column("course")[i]]; }
}

/** probeName is what was sent, as "80/TCP". */
export function probeName(k: Kind): string {
  let name = k.protocol === "ICMP" ? "ICMP" : `${k.port}/${k.protocol}`;
  if (k.form) name += `/${k.form}`;
  if (k.payload > 0) name += ` of ${k.payload} bytes`;
  return k.flow ? `flow ${k.flow} ${name}` : name;
}

/** worst orders results: the first is what a square shows of several cells. */
export const worst: Result[] = ["leak", "outage", "inconclusive", "right", "observed", "skipped"];

/** isWrong says whether a result is one that makes a case fail. */
export function isWrong(r: Result): boolean {
  return r === "leak" || r === "outage";
}

export const resultNames: Record<Result, string> = {
  right: "right",
  leak: "leak",
  outage: "outage",
  inconclusive: "inconclusive",
  observed: "undefined, observed",
  skipped: "not supported",
};
