// Package diff says what changed between two runs of one experiment: two runs of one engine, or
// the same run of two engines.
//
// It decides what is worse, what is better, and what can't be told: a case or a cell that passed
// and now fails is worse, one that was never judged on one of the sides is unsure. Whether times
// and memory moved is not decided here: that takes the statistics of scale/compare, whose answer
// comes in as figures. It renders the answer as text and Markdown, and as a page on the frame of
// reports/page.
//
// It must never do I/O, nor know where its runs came from.
package diff
