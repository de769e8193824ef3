// Package trendpage is the page of a history: what has changed since when, with a chart for each
// figure that has, and the courses of all others.
//
// It decides which figures share a chart and what stands where; what is known of them comes from
// reports/trend, how it looks from reports/page. It is pure, and must never compute a figure.
package trendpage
