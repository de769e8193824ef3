// Package compare reports whether one side of a comparison is slower, or larger, than the
// other, such that noise does not trip it.
//
// One repeat of the whole measurement gives one value per metric: samples of one repeat
// share a host, a process and a moment, and to count them as independent is how noise
// becomes a verdict. The values of at least ten repeats of each side, taken in turn, meet in
// a Mann–Whitney test (golang.org/x/perf/benchmath), corrected for the number of metrics; a
// change must besides be as large as is worth a verdict, and larger than the method can
// resolve. The floor of the method is measured in each repeat: when it moved, the host did,
// and there is no verdict.
//
// It must never do I/O: directories are read by package reports, and benchfmt text comes and
// goes by reader and writer.
package compare
