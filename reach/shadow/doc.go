// Package shadow plans how the engine of a live cluster is asked about somebody's own policies
// without touching what they protect: pods of nothing but a prober, in namespaces of their own, that
// read to policies like the pods that they stand for.
//
// It decides which labels, ports and policies are copied, what becomes of selectors that name a
// namespace, which pairs are drawn from all and by how much the rest may be wrong, and what can't be
// copied faithfully. Of the pods that are there in the end the oracle is asked anew: a flow that no
// longer means what the original's means is no question any more.
//
// It is pure. It must never judge an engine, nor count what was not asked for right.
//
//	Inventory ──New──▶ Plan ──audit──▶ pods and policies ──Inventory──▶ Plan.Read ──▶ what to expect
package shadow
