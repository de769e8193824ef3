// Package gen draws random clusters, policies and flows from the whole grammar of the
// NetworkPolicy API: scenarios for property tests, and policies of others' words for
// suites/fuzz.
//
// It decides nothing about verdicts. The vocabulary is small on purpose (three nodes, few
// labels, nested prefixes), so that selectors meet, prefixes overlap, and flows hit edges.
//
// It must draw from its seed only: the same seed gives the same scenario, on every machine.
package gen
